// How a guest's process ended, and whose doing that was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace spry {

struct ProcessEnd {
  int signal = 0;            // that ended it; 0 if nobody can tell any more
  std::uint64_t cpu_us = 0;  // processor time that it had used

  // A sentence, if the kernel ended it because it had used its processor time (RLIMIT_CPU), which it inherits from this
  // process: at the soft limit by SIGXCPU, at the hard one by SIGKILL.
  std::optional<std::string> cpu_limit() const;
  // A sentence, if somebody else ended it: a signal that no guest can cause.
  std::optional<std::string> from_outside() const;
};

}  // namespace spry
