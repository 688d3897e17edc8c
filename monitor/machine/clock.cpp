#include "machine/clock.h"

#include <x86intrin.h>

#include "cpu/x86.h"

namespace spry {
namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

std::uint64_t now(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kNanosecondsPerSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

// As guests compute it (abi.h).
std::uint64_t to_nanoseconds(TscScale scale, std::uint64_t ticks) {
  return static_cast<std::uint64_t>(static_cast<uint128>(ticks) * scale.mult >> scale.shift);
}

// How often at most clocks are read that belong together.
constexpr int kReadings = 8;

}  // namespace

std::uint64_t host_monotonic_ns() { return now(CLOCK_MONOTONIC); }
std::uint64_t host_wall_ns() { return now(CLOCK_REALTIME); }

timespec to_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNanosecondsPerSecond), static_cast<long>(ns % kNanosecondsPerSecond)};
}

TscScale tsc_scale(std::uint32_t khz) {
  constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
  std::uint32_t shift = 32;
  while ((kNanosecondsPerMillisecond << shift) / khz > UINT32_MAX) --shift;
  return {static_cast<std::uint32_t>((kNanosecondsPerMillisecond << shift) / khz), shift};
}

// A thread that is paused between two readings of clocks that belong together would make the guest's clock wrong by the
// pause, for as long as the action runs. So they are read again until they lie close together; what lies closest
// counts.
Result<GuestTsc> find_guest_tsc(Vcpu& vcpu) {
  auto khz = vcpu.tsc_khz();
  if (!khz) return tl::unexpected(khz.error());
  GuestTsc guest = {.offset = 0, .scale = tsc_scale(*khz)};
  const std::uint64_t close = std::uint64_t{*khz} / 10;  // 100 us
  std::uint64_t closest = UINT64_MAX;
  for (int tries = 0; tries < kReadings && closest > close; ++tries) {
    // Whether a guest sees the host's TSC or one that began at 0 with the vCPU depends on the host: ask. The ioctl
    // takes 10 us; its middle is the best guess for when the TSC was read.
    const std::uint64_t before = __rdtsc();
    auto tsc = vcpu.msr(x86::MSR_IA32_TSC);
    if (!tsc) return tl::unexpected(tsc.error());
    const std::uint64_t took = __rdtsc() - before;
    if (took >= closest) continue;
    closest = took;
    guest.offset = *tsc - (before + took / 2);
  }
  return guest;
}

ClockReading read_clock(const GuestTsc& guest) {
  constexpr std::uint64_t kClose = 50'000;  // ns
  ClockReading reading;
  std::uint64_t closest = UINT64_MAX;
  for (int tries = 0; tries < kReadings && closest > kClose; ++tries) {
    const std::uint64_t before = __rdtsc();
    const std::uint64_t monotonic = host_monotonic_ns();
    const std::uint64_t wall = host_wall_ns();
    const std::uint64_t took = to_nanoseconds(guest.scale, __rdtsc() - before);
    if (took >= closest) continue;
    closest = took;
    reading = {before + guest.offset, monotonic, wall};
  }
  return reading;
}

}  // namespace spry
