// How a guest's process ended, and who ended it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace spry {

struct ProcessEnd {
  int signal = 0;            // the one that ended it; 0 if none did, or if it is not known
  std::uint64_t cpu_us = 0;  // the processor time that the process had used

  // A sentence, if the kernel ended the process because it had used up its processor time (RLIMIT_CPU, inherited from
  // this process): by SIGXCPU at the soft limit, by SIGKILL at the hard one.
  std::optional<std::string> cpu_limit() const;
  // A sentence, if a signal ended the process that no guest can cause, so that somebody else must have sent it.
  std::optional<std::string> from_outside() const;
};

}  // namespace spry
