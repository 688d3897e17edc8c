// The host's clocks, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>
#include <limits>

namespace spry {

inline constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

inline std::uint64_t now_ns(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kNanosecondsPerSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

inline std::uint64_t host_monotonic_ns() { return now_ns(CLOCK_MONOTONIC); }
inline std::uint64_t host_wall_ns() { return now_ns(CLOCK_REALTIME); }

// The host's monotonic time `ns` after `epoch`. `epoch` may be negative, because a guest's clock may have begun before
// the host's. A result below 0 becomes 0; one above INT64_MAX becomes INT64_MAX.
inline std::uint64_t host_time(std::int64_t epoch, std::uint64_t ns) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  const std::int64_t room = epoch > 0 ? kLast - epoch : kLast;
  if (ns > static_cast<std::uint64_t>(room)) return static_cast<std::uint64_t>(kLast);
  const std::int64_t time = epoch + static_cast<std::int64_t>(ns);
  return time < 0 ? 0 : static_cast<std::uint64_t>(time);
}

inline timespec to_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / kNanosecondsPerSecond), static_cast<long>(ns % kNanosecondsPerSecond)};
}

}  // namespace spry
