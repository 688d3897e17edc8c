// The host's time-stamp counter, which guests in processes read as it is.
#pragma once

#include <optional>

#include "platform/vcpu.h"

namespace spry {

// How its ticks become nanoseconds: as the kernel tells it (perf_event_open(2)), as the CPU does (CPUID leaf 0x15), or
// measured against CLOCK_MONOTONIC for half a millisecond. The first caller of a process finds out; for any thread.
std::optional<GuestTsc> host_tsc();

// The three ways, each nothing where it cannot be told. For tests.
std::optional<GuestTsc> tsc_by_kernel();
std::optional<GuestTsc> tsc_by_cpuid();
std::optional<GuestTsc> tsc_by_measuring();

}  // namespace spry
