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

void Waiting::set_timeout(timespec timeout) noexcept {
  std::atomic_ref(timeout_.tv_sec).store(timeout.tv_sec);
  std::atomic_ref(timeout_.tv_nsec).store(timeout.tv_nsec);
}

void Waiting::interrupt() noexcept {
  interrupted_.store(true);
  set_timeout({});
}

bool Waiting::over() const { return hurried_ || interrupted() || host_monotonic_ns() >= until(); }

// poll() stores the timeout and then looks for an interruption; interrupt() stores the interruption and then the
// timeout of 0. In the one order of all these (they are sequentially consistent), either poll() sees the interruption
// or its timeout is the one that is replaced. poll() makes the system call itself, because C libraries copy the timeout
// first, and what is stored between the copy and the call would be lost.
int Waiting::poll(std::span<pollfd> descriptors, std::uint64_t until_ns) {
  const std::uint64_t now = host_monotonic_ns();
  set_timeout(to_timespec(until_ns > now ? until_ns - now : 0));
  if (hurried_ || interrupted_.load()) set_timeout({});
  return static_cast<int>(
      syscall(SYS_ppoll, descriptors.data(), descriptors.size(), &timeout_, nullptr, std::size_t{0}));
}

bool Waiting::wait(int fd, short events) {
  pollfd descriptor = {fd, events, 0};
  // Looks first whether the run is to end: to ppoll a file is always ready, so that waiting alone would never end the
  // run.
  while (!over()) {
    if (poll({&descriptor, 1}, until()) > 0) return true;
  }
  cut_ = true;
  return false;
}

}  // namespace spry
