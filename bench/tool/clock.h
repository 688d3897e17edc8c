// Host time as all measurements here take it.
#pragma once

#include <chrono>
#include <ctime>

namespace spry::bench {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Nanoseconds = std::chrono::nanoseconds;

inline double microseconds(Nanoseconds duration) { return static_cast<double>(duration.count()) / 1e3; }
inline double seconds(Nanoseconds duration) { return static_cast<double>(duration.count()) / 1e9; }
inline Nanoseconds from_seconds(double seconds) { return Nanoseconds(static_cast<Nanoseconds::rep>(seconds * 1e9)); }

// Sleeps until an absolute time, so that one late wake-up does not delay everything after it.
inline void sleep_until(Time time) {
  const Nanoseconds since = time.time_since_epoch();
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(since);
  timespec at{};
  at.tv_sec = whole.count();
  at.tv_nsec = static_cast<decltype(at.tv_nsec)>((since - whole).count());
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

}  // namespace spry::bench
