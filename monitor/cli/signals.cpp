#include "cli/signals.h"

#include <unistd.h>

#include <csignal>

namespace spry {
namespace {

constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};

// A signal handler reaches nothing but objects of static storage.
Machine* volatile running = nullptr;
volatile std::sig_atomic_t last = 0;

void interrupt(int signal) {
  last = signal;
  Machine* const machine = running;
  if (machine != nullptr) machine->interrupt();
}

}  // namespace

SignalGuard::SignalGuard(Machine& machine) {
  last = 0;
  running = &machine;
  struct sigaction action = {};
  action.sa_handler = interrupt;  // without SA_RESTART: it must end waits
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    // Looked at first: between setting the handler and taking it back, an ignored signal would be heeded.
    struct sigaction inherited;
    if (sigaction(kSignals[i], nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    handled_[i] = sigaction(kSignals[i], &action, nullptr) == 0;
  }
}

SignalGuard::~SignalGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (handled_[i]) std::signal(kSignals[i], SIG_DFL);
  }
  running = nullptr;
}

int SignalGuard::caught() { return last; }

void heed_signals_as_first_process() {
  if (getpid() != 1) return;
  struct sigaction action = {};
  action.sa_handler = [](int signal) { _exit(128 + signal); };
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) {
    struct sigaction inherited;
    if (sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    // If it cannot be set, things are as they were.
    static_cast<void>(sigaction(signal, &action, nullptr));
  }
}

}  // namespace spry
