// The host's time-stamp counter, which guests in processes read as it is.
#pragma once

#include <optional>

#include "platform/vcpu.h"

namespace spry {

// How the TSC's ticks become nanoseconds: as the kernel says (perf_event_open(2)), else as the CPU says (CPUID leaf
// 0x15), else as measured against CLOCK_MONOTONIC for half a millisecond. Found out once for each process. For any
// thread.
std::optional<GuestTsc> host_tsc();

// The three ways; each answers nothing if it finds nothing out. For tests.
std::optional<GuestTsc> tsc_by_kernel();
std::optional<GuestTsc> tsc_by_cpuid();
std::optional<GuestTsc> tsc_by_measuring();

}  // namespace spry
