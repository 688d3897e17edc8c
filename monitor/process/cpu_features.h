// What the host's CPU has. Only what a guest asks for is looked at, because each look executes CPUID, which is a trap
// on a virtual machine.
#pragma once

#include <cstdint>

namespace spry {

// True if RDFSBASE and its kind can be used (Linux 5.9). Otherwise the base of a guest's FS is the one that its action
// began with, and GS has none. Executes no CPUID.
bool has_fsgsbase();

// The name of the first of SPRY_FEATURE_* in `features` that a process does not have here, or null.
const char* missing_cpu_feature(std::uint64_t features);

}  // namespace spry
