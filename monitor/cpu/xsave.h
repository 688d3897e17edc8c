// Where this CPU keeps what in an XSAVE area of the standard format.
#pragma once

#include <cstdint>

namespace spry {

// Size 0: the CPU does not have this part.
struct XsavePart {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  bool operator==(const XsavePart&) const = default;
};

// Of part `index` of XCR0, from 2 on (CPUID leaf 0xd, which is executed but for AVX, whose place is the same
// everywhere). The others' differ: opmasks lie at 832 on AMD's CPUs and at 1088 on Intel's.
XsavePart xsave_part(unsigned index);

}  // namespace spry
