// Gives threads that measure precedence over what is measured.
#pragma once

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace spry::bench {

// Lets the calling thread wake on time: by exact timers, and by a nice value of -15 if that is permitted. Threads and
// processes that it starts do not inherit these.
inline void measure_first() {
  constexpr int kNice = -15;
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  const sched_param parameter{};
  if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &parameter) == 0) setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace spry::bench
