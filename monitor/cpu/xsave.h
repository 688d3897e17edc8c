// Where in an XSAVE area of the standard format this CPU keeps which part.
#pragma once

#include <cstdint>

namespace spry {

// Size 0: the CPU does not have this part.
struct XsavePart {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  bool operator==(const XsavePart&) const = default;
};

// The place of part `index` of XCR0, from 2 on. AVX has the same place everywhere. For other parts this executes CPUID
// (leaf 0xd), because their places differ: opmasks lie at 832 on AMD's CPUs and at 1088 on Intel's.
XsavePart xsave_part(unsigned index);

}  // namespace spry
