// A time after which the process ends, wherever it waits.
#pragma once

#include <chrono>
#include <string>

namespace spry {

// Once `left` has passed, writes `text` to standard error and ends the process with kExitDeadline. One lives at a time.
// A timer, because what waits is a write to a FIFO or a disk, in the middle of the library.
class TimeLimit {
 public:
  TimeLimit(std::chrono::nanoseconds left, std::string text);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
};

}  // namespace spry
