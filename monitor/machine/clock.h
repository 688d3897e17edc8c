// The guest's clocks: how its TSC becomes nanoseconds (docs/abi.md, "Clocks").
#pragma once

#include <cstdint>
#include <ctime>

#include "kvm/vcpu.h"
#include "spry/error.h"

namespace spry {

// Nanoseconds of CLOCK_MONOTONIC and of the wall clock.
std::uint64_t host_monotonic_ns();
std::uint64_t host_wall_ns();

// Nanoseconds as the kernel takes them.
timespec to_timespec(std::uint64_t ns);

// ns = (ticks * mult) >> shift, for a TSC of `khz` > 0; mult uses its 32 bits as far as it can.
struct TscScale {
  std::uint32_t mult = 0;
  std::uint32_t shift = 0;
};
TscScale tsc_scale(std::uint32_t khz);

// The guest's TSC beside the host's, which have the same frequency.
struct GuestTsc {
  std::uint64_t offset = 0;  // guest minus host, modulo 2^64
  TscScale scale;
};

// Two ioctls, and more only if something pauses the thread meanwhile.
Result<GuestTsc> find_guest_tsc(Vcpu& vcpu);

// The guest's TSC at one moment, and the host's clocks.
struct ClockReading {
  std::uint64_t tsc = 0;
  std::uint64_t host_ns = 0;
  std::uint64_t wall_ns = 0;
};
ClockReading read_clock(const GuestTsc& guest);

}  // namespace spry
