// The guest's time-stamp counter, and how its ticks become nanoseconds (docs/abi.md, "Clocks").
#pragma once

#include <cstdint>

namespace spry {

struct GuestTsc {
  std::uint64_t offset = 0;  // guest minus host, modulo 2^64; they have the same frequency
  std::uint32_t mult = 0;    // ns = (ticks * mult) >> shift
  std::uint32_t shift = 0;
};

// For a guest that sees the host's own TSC, of `khz` > 0. `mult` is as large as 32 bits allow, for precision.
GuestTsc host_tsc(std::uint32_t khz);

// The guest's TSC at one moment, and the host's clocks.
struct ClockReading {
  std::uint64_t tsc = 0;
  std::uint64_t host_ns = 0;
  std::uint64_t wall_ns = 0;
};
ClockReading read_clock(const GuestTsc& guest);

}  // namespace spry
