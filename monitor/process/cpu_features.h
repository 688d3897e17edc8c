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

}  // namespace spry
