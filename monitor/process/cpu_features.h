// What the host's CPU has. Each question executes CPUID, which is a trap on a virtual machine: only what a guest asks
// for is looked at.
#pragma once

#include <cstdint>

namespace spry {

// RDFSBASE and its kind can be used (Linux 5.9). Without, a guest's FS has the base that its action began with, and GS
// none. Executes no CPUID.
bool has_fsgsbase();

// The name of the first of SPRY_FEATURE_* in `features` that a process does not have here, or null.
const char* missing_cpu_feature(std::uint64_t features);

// Where part `index` of XCR0, from 2 on, lies in an XSAVE area of the standard format (CPUID leaf 0xd); size 0 if the
// CPU does not have it.
struct XsavePart {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};
XsavePart xsave_part(unsigned index);

}  // namespace spry
