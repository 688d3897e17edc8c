#include "cli/signals.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "cli/commands.h"
#include "spry/machine.h"

namespace spry {
namespace {

constexpr int kSignals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGXCPU};

// A signal handler can reach only objects of static storage.
Machine* volatile running = nullptr;
volatile std::sig_atomic_t guarded = 0;
volatile std::sig_atomic_t last = 0;

[[noreturn]] void end_now(int signal) { _exit(end_by(signal)); }

void note(int signal) {
  if (guarded == 0) end_now(signal);
  last = signal;
  Machine* const machine = running;
  if (machine != nullptr) machine->interrupt();
}

// What the process blocked before the guard.
sigset_t inherited_mask;

// Sets `handler` for all signals but those that were inherited as ignored, and leaves all of them blocked. They are
// blocked first, because an ignored signal has the handler for a moment, until it is ignored again. A signal that comes
// in that moment stays pending, and the kernel drops it when the signal is ignored again.
void handle(void (*handler)(int)) {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : kSignals) sigaddset(&ours, signal);
  sigprocmask(SIG_BLOCK, &ours, &inherited_mask);
  struct sigaction action = {};
  action.sa_handler = handler;  // without SA_RESTART: it must end waits
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) {
    struct sigaction inherited;
    if (sigaction(signal, &action, &inherited) == 0 && inherited.sa_handler == SIG_IGN) {
      sigaction(signal, &inherited, nullptr);
    }
  }
}

// A step sets `stepping` and then looks at `waiting`; the handler sets `waiting` and then looks at `stepping`. So at
// least one of the two sees what the other has set.
std::atomic<int> stepping = 0;
std::atomic<int> waiting = 0;  // the signal that waits for the end of the step
static_assert(std::atomic<int>::is_always_lock_free);

void end_between_steps(int signal) {
  waiting = signal;
  if (stepping == 0) end_now(signal);
}

void unblock() { sigprocmask(SIG_SETMASK, &inherited_mask, nullptr); }

}  // namespace

void heed_signals_as_first_process() {
  if (getpid() != 1) return;
  handle(end_now);
  unblock();
}

void heed_signals_between_steps() {
  handle(end_between_steps);
  unblock();
}

Step::Step() {
  stepping = 1;
  if (const int signal = waiting; signal != 0) end_now(signal);
}

Step::~Step() {
  stepping = 0;
  if (const int signal = waiting; signal != 0) end_now(signal);
}

SignalGuard::SignalGuard() {
  last = 0;
  guarded = 1;
  handle(note);
}

// The handlers stay, because removing each one costs a system call. From now on they do what the default action does.
SignalGuard::~SignalGuard() {
  if (running == nullptr) unblock();
  running = nullptr;
  guarded = 0;
}

void SignalGuard::interrupt(Machine& machine) {
  running = &machine;
  unblock();
  if (last != 0) machine.interrupt();
}

bool SignalGuard::wait(int fd) {
  pollfd descriptor = {fd, POLLIN, 0};
  while (last == 0) {
    // A descriptor that ppoll(2) refuses counts as readable, because reading it gives the error.
    if (ppoll(&descriptor, 1, nullptr, guarded != 0 ? &inherited_mask : nullptr) >= 0 || errno != EINTR) return true;
  }
  return false;
}

int SignalGuard::caught() { return last; }

int end_by(int signal) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  std::signal(signal, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  std::raise(signal);
  return kExitSignal + signal;
}

}  // namespace spry
