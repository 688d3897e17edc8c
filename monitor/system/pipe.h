// Writing into a pipe whose reader may leave.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "system/io.h"

namespace spry {

// While it lives, the calling thread gets EPIPE, and no signal, when it writes into a pipe that nobody reads any more.
// A SIGPIPE that another process sends meanwhile arrives afterwards.
class PipeSignalBlocked {
 public:
  PipeSignalBlocked() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &only(), &before_);
  }
  PipeSignalBlocked(const PipeSignalBlocked&) = delete;
  PipeSignalBlocked& operator=(const PipeSignalBlocked&) = delete;
  ~PipeSignalBlocked() {
    // Takes the signal that a write raised, if one did. The kernel says of that one that this process sent it.
    const int error = errno;
    const timespec now = {};
    siginfo_t information;
    const bool taken = !was_pending_ && sigtimedwait(&only(), &information, &now) == SIGPIPE;
    if (taken && information.si_pid != getpid()) raise(SIGPIPE);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }

 private:
  static const sigset_t& only() {
    static const sigset_t set = [] {
      sigset_t made;
      sigemptyset(&made);
      sigaddset(&made, SIGPIPE);
      return made;
    }();
    return set;
  }

  sigset_t before_;
  bool was_pending_ = false;
};

// As write_all, but a pipe that nobody reads any more gives EPIPE and no signal. `descriptor` has O_NONBLOCK: then
// every signal can end the wait for a reader, SIGPIPE too.
inline bool write_all_to_pipe(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written;
    {
      const PipeSignalBlocked blocked;
      written = write(descriptor, bytes.data(), bytes.size());
    }
    if (written < 0 && wait_to_try_again(descriptor, POLLOUT)) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace spry
