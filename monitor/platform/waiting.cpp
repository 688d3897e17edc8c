#include "platform/waiting.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "system/clock.h"

namespace spry {

void Waiting::begin(std::uint64_t deadline_ns) {
  deadline_ns_ = deadline_ns;
  hurried_ = cut_ = false;
}

void Waiting::end() {
  deadline_ns_ = 0;
  interrupted_.store(false, std::memory_order_relaxed);
}

void Waiting::interrupt() noexcept {
  interrupted_.store(true, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  timeout_ = {};
}

bool Waiting::over() const { return hurried_ || interrupted() || host_monotonic_ns() >= until(); }

// The order of these stores and of interrupt()'s is what makes the ppoll that follows free of races. It is the system
// call itself, because C libraries copy the timeout first, and what a signal handler stores between the copy and the
// call would be lost.
int Waiting::poll(std::span<pollfd> descriptors, std::uint64_t until_ns) {
  const std::uint64_t now = host_monotonic_ns();
  timeout_ = to_timespec(until_ns > now ? until_ns - now : 0);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (hurried_ || interrupted()) timeout_ = {};
  return static_cast<int>(
      syscall(SYS_ppoll, descriptors.data(), descriptors.size(), &timeout_, nullptr, std::size_t{0}));
}

bool Waiting::wait(int fd, short events) {
  pollfd descriptor = {fd, events, 0};
  // First of all whether the run is to end: a file is always ready.
  while (!over()) {
    if (poll({&descriptor, 1}, until()) > 0) return true;
  }
  cut_ = true;
  return false;
}

}  // namespace spry
