#include "process/process_end.h"

#include <sys/resource.h>

#include <csignal>

#include "text/format.h"

namespace spry {

std::optional<std::string> ProcessEnd::cpu_limit() const {
  struct rlimit limit;
  if ((signal != SIGXCPU && signal != SIGKILL) || getrlimit(RLIMIT_CPU, &limit) != 0) return std::nullopt;
  const rlim_t seconds = signal == SIGXCPU ? limit.rlim_cur : limit.rlim_max;
  if (seconds == RLIM_INFINITY) return std::nullopt;
  // Anybody can send SIGKILL, so the time that was used must tell. The kernel applies the limit to an account of its
  // own, in clock ticks, which on a busy virtual machine is ahead of the time that it reports.
  constexpr std::uint64_t kHalfASecond = 500'000;
  if (signal == SIGKILL && cpu_us / kHalfASecond < seconds) return std::nullopt;
  return fmt::format("the guest's process used up its {} s of processor time (RLIMIT_CPU, ulimit -t)", seconds);
}

std::optional<std::string> ProcessEnd::from_outside() const {
  switch (signal) {
    case SIGKILL:
      return "the guest's process was killed from outside (SIGKILL): by somebody, or by the kernel for want of memory";
    case SIGXCPU:
      return "the guest's process was killed from outside (SIGXCPU): by somebody, or by the kernel for its limit of "
             "real-time processor time (RLIMIT_RTTIME)";
    default:
      return std::nullopt;
  }
}

}  // namespace spry
