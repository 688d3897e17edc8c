#include "kvm/deadline.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "system/clock.h"
#include "text/format.h"

namespace spry {
namespace {

tl::unexpected<Error> failed(const char* what, int error) {
  return fail(code_for(error), fmt::format("cannot {} for the deadline: {}", what, std::strerror(error)));
}

sigset_t set_of(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

}  // namespace

Result<Deadline> Deadline::arm(VcpuIoctls& vcpu, int signal, std::uint64_t at) {
  Deadline deadline;
  deadline.signal_ = signal;
  deadline.key_ = &vcpu.state();
  deadline.at_ = at;
  sigset_t ours = set_of(signal);
  if (int error = pthread_sigmask(SIG_BLOCK, &ours, &deadline.previous_); error != 0) {
    return failed("block a signal", error);
  }
  sigset_t during_run = deadline.previous_;
  sigdelset(&during_run, signal);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event.sigev_value.sival_ptr = &vcpu.state();
  // glibc before 2.40 and musl name this member of the union differently.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
  event.sigev_notify_thread_id = static_cast<pid_t>(syscall(SYS_gettid));
  if (timer_create(CLOCK_MONOTONIC, &event, &deadline.timer_) != 0) {
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &deadline.previous_, nullptr);
    return failed("create a timer", error);
  }
  deadline.armed_ = true;
  if (auto masked = vcpu.set_signal_mask(during_run); !masked) return tl::unexpected(masked.error());
  itimerspec time = {};
  time.it_value = to_timespec(at);
  if (timer_settime(deadline.timer_, TIMER_ABSTIME, &time, nullptr) != 0) return failed("start a timer", errno);
  return deadline;
}

Deadline::Deadline(Deadline&& other) noexcept
    : armed_(other.armed_),
      timer_(other.timer_),
      signal_(other.signal_),
      key_(other.key_),
      owed_(other.owed_),
      at_(other.at_),
      previous_(other.previous_) {
  other.armed_ = false;
}

Deadline::~Deadline() {
  if (!armed_) return;
  timer_delete(timer_);
  take_signals();
  if (owed_ && sigismember(&previous_, signal_) == 1) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal_);
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

bool Deadline::take_signals() {
  sigset_t ours = set_of(signal_);
  siginfo_t information;
  timespec at_once = {};
  bool own = false;
  while (sigtimedwait(&ours, &information, &at_once) >= 0) {
    if (information.si_code == SI_TIMER && information.si_value.sival_ptr == key_) {
      own = true;
    } else {
      owed_ = true;
    }
  }
  return own || passed();
}

bool Deadline::passed() const { return host_monotonic_ns() >= at_; }

}  // namespace spry
