// The host's clocks, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace spry {

inline constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

inline std::uint64_t now_ns(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kNanosecondsPerSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

inline std::uint64_t host_monotonic_ns() { return now_ns(CLOCK_MONOTONIC); }
inline std::uint64_t host_wall_ns() { return now_ns(CLOCK_REALTIME); }

inline timespec to_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNanosecondsPerSecond), static_cast<long>(ns % kNanosecondsPerSecond)};
}

}  // namespace spry
