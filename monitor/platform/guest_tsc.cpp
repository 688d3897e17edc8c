#include "platform/guest_tsc.h"

#include <x86intrin.h>

#include "system/clock.h"

namespace spry {
namespace {

__extension__ typedef unsigned __int128 uint128;

// As guests compute it (abi.h).
std::uint64_t to_nanoseconds(const GuestTsc& tsc, std::uint64_t ticks) {
  return static_cast<std::uint64_t>(static_cast<uint128>(ticks) * tsc.mult >> tsc.shift);
}

}  // namespace

GuestTsc host_tsc(std::uint32_t khz) {
  constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
  std::uint32_t shift = 32;
  while ((kNanosecondsPerMillisecond << shift) / khz > UINT32_MAX) --shift;
  return {0, static_cast<std::uint32_t>((kNanosecondsPerMillisecond << shift) / khz), shift};
}

// A thread that is paused between two readings of clocks that belong together would make the guest's clock wrong by the
// pause, for as long as the action runs. So they are read again until they lie close together; what lies closest
// counts.
ClockReading read_clock(const GuestTsc& guest) {
  constexpr int kReadings = 8;
  constexpr std::uint64_t kClose = 50'000;  // ns
  ClockReading reading;
  std::uint64_t closest = UINT64_MAX;
  for (int tries = 0; tries < kReadings && closest > kClose; ++tries) {
    const std::uint64_t before = __rdtsc();
    const std::uint64_t monotonic = host_monotonic_ns();
    const std::uint64_t wall = host_wall_ns();
    const std::uint64_t took = to_nanoseconds(guest, __rdtsc() - before);
    if (took >= closest) continue;
    closest = took;
    reading = {before + guest.offset, monotonic, wall};
  }
  return reading;
}

}  // namespace spry
