// A time after which the process ends, wherever it waits.
#pragma once

#include <chrono>
#include <string>

namespace spry {

// Once `left` has passed, writes `text` to standard error and ends the process with kExitDeadline. Only one lives at a
// time. It uses a timer and its signal, because the process may be waiting in a write(2) of the library's.
class TimeLimit {
 public:
  TimeLimit(std::chrono::nanoseconds left, std::string text);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
};

}  // namespace spry
