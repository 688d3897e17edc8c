// Writing into a pipe whose reader may leave.
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
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

// For a FIFO or a device that was opened with O_NONBLOCK so that opening did not wait. Lets writes to a device wait in
// the kernel, because a terminal with room for one byte says POLLOUT and yet refuses a line feed. A FIFO stays
// non-blocking. False with errno on failure.
inline bool let_devices_wait(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return false;
  if (S_ISFIFO(status.st_mode)) return true;
  const int flags = fcntl(descriptor, F_GETFL);
  return flags >= 0 && fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

// As write_all, but a pipe that nobody reads any more gives EPIPE and no signal. With O_NONBLOCK every signal
// can end the wait for a reader, SIGPIPE too.
inline bool write_all_to_pipe(int descriptor, std::span<const std::byte> bytes) {
  const auto write_some = [](int to, const void* from, std::size_t size) {
    const PipeSignalBlocked blocked;
    return write(to, from, size);
  };
  return write_all_by(write_some, descriptor, bytes);
}

}  // namespace spry
