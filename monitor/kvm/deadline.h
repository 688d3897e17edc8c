// A timer that ends KVM_RUN without a signal handler: it sends a blocked signal to the running thread, which KVM_RUN
// alone unblocks (KVM_SET_SIGNAL_MASK).
#pragma once

#include <csignal>
#include <cstdint>
#include <ctime>

#include "kvm/vcpu_ioctls.h"
#include "spry/error.h"

namespace spry {

class Deadline {
 public:
  // Blocks `signal` in the calling thread and starts a timer for host_monotonic_ns() == `at`.
  static Result<Deadline> arm(VcpuIoctls& vcpu, int signal, std::uint64_t at);
  Deadline(Deadline&& other) noexcept;
  Deadline& operator=(Deadline&&) = delete;
  // Stops the timer, takes a signal that is still pending and restores the thread's mask.
  ~Deadline();

  // True once the moment has come.
  bool passed() const;

  // Takes every pending instance of the signal, so that none of them ends the next KVM_RUN. True if one was this
  // deadline's, or if the moment has come. If the thread had the signal blocked before, one that somebody else sent is
  // sent again at the end: it may be the deadline of another machine, within whose run this one runs.
  bool take_signals();

 private:
  Deadline() = default;
  bool armed_ = false;
  timer_t timer_ = {};
  int signal_ = 0;
  const void* key_ = nullptr;  // comes only with the signals of this deadline's timer
  bool owed_ = false;          // a signal that somebody else sent was taken
  std::uint64_t at_ = 0;
  sigset_t previous_ = {};
};

}  // namespace spry
