// A signal that interrupts a machine, in addition to what the signal's handler does.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

#include "handles.h"

namespace {

// A signal handler can reach only objects of static storage. `previous` and `owner` are written while `target` is null.
std::atomic<spry::Machine*> target = nullptr;
std::atomic<pid_t> owner = 0;
struct sigaction previous;
int caught = 0;  // the signal, or 0
std::mutex changing;

static_assert(std::atomic<spry::Machine*>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

pid_t thread_id() { return static_cast<pid_t>(syscall(SYS_gettid)); }

void interrupt(int signal, siginfo_t* information, void* context) {
  const int error = errno;
  spry::Machine* const machine = target.load();
  if (machine != nullptr) {
    machine->interrupt();
    // Only a signal to the running thread ends what that thread waits for. So the signal is sent on to that thread,
    // where it calls this handler again.
    if (const pid_t running = owner.load(); running != thread_id()) {
      syscall(SYS_tgkill, getpid(), running, signal);
      errno = error;
      return;
    }
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, information, context);
  } else {
    previous.sa_handler(signal);
  }
  errno = error;
}

spry::Result<int> give_back() {
  if (caught == 0) return 0;
  target = nullptr;
  sigaction(std::exchange(caught, 0), &previous, nullptr);
  return 0;
}

spry::Result<int> take(spry::Machine& machine, int signal) {
  using spry::ErrorCode;
  if (caught != 0) {
    return spry::fail(ErrorCode::kInvalidArgument, "a signal interrupts another machine of this process already");
  }
  struct sigaction now;
  if (sigaction(signal, nullptr, &now) != 0) {
    return spry::fail(ErrorCode::kInvalidArgument,
                      "signal " + std::to_string(signal) + " cannot be handled: " + std::strerror(errno));
  }
  const bool handled = (now.sa_flags & SA_SIGINFO) != 0 || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
  if (!handled) return 0;
  previous = now;
  owner = thread_id();
  target = &machine;
  struct sigaction ours = now;
  ours.sa_sigaction = interrupt;
  // Without SA_RESTART: the signal must end waits.
  ours.sa_flags = (now.sa_flags | SA_SIGINFO) & ~SA_RESTART;
  sigaction(signal, &ours, nullptr);
  caught = signal;
  return 0;
}

}  // namespace

int spry_machine_interrupt_on(spry_machine* machine, int signal, spry_error** error) {
  return spry::c::guarded(error, -1, [&] {
    const std::lock_guard lock(changing);
    return signal == 0 ? give_back() : take(machine->machine, signal);
  });
}
