#include "machine/clock.h"

#include <x86intrin.h>

#include "machine/x86.h"

namespace spry {
namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

std::uint64_t now(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kNanosecondsPerSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

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

Result<GuestTsc> find_guest_tsc(Vcpu& vcpu) {
  auto khz = vcpu.tsc_khz();
  if (!khz) return tl::unexpected(khz.error());
  // Whether a guest sees the host's TSC or one that began at 0 with the vCPU depends on the host: ask. The ioctl takes
  // 10 us; its middle is the best guess for when the TSC was read.
  const std::uint64_t before = __rdtsc();
  auto tsc = vcpu.msr(x86::MSR_IA32_TSC);
  if (!tsc) return tl::unexpected(tsc.error());
  const std::uint64_t after = __rdtsc();
  return GuestTsc{*tsc - (before + (after - before) / 2), tsc_scale(*khz)};
}

ClockReading read_clock(const GuestTsc& guest) {
  const std::uint64_t tsc = __rdtsc() + guest.offset;
  return {tsc, host_monotonic_ns()};
}

}  // namespace spry
