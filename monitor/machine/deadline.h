// A timer that ends KVM_RUN without a signal handler: it sends a blocked signal to the running thread, which KVM_RUN
// alone unblocks (KVM_SET_SIGNAL_MASK).
#pragma once

#include <csignal>
#include <cstdint>
#include <ctime>

#include "kvm/vcpu.h"
#include "spry/error.h"

namespace spry {

class Deadline {
 public:
  // Blocks `signal` in the calling thread and starts a timer for host_monotonic_ns() == `at`.
  static Result<Deadline> arm(Vcpu& vcpu, int signal, std::uint64_t at);
  Deadline(Deadline&& other) noexcept;
  Deadline& operator=(Deadline&&) = delete;
  // Stops the timer, takes a signal that is still pending and restores the thread's mask.
  ~Deadline();

  // True once the moment has come.
  bool passed() const;

 private:
  Deadline() = default;
  bool armed_ = false;
  timer_t timer_ = {};
  int signal_ = 0;
  std::uint64_t at_ = 0;
  sigset_t previous_ = {};
};

}  // namespace spry
