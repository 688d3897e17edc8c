#include "cli/signals.h"

#include <csignal>

namespace spry {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

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
  for (const int signal : kSignals) {
    // Looked at first: between setting the handler and taking it back, an ignored signal would be heeded.
    struct sigaction inherited;
    if (sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
}

SignalGuard::~SignalGuard() {
  for (const int signal : kSignals) {
    struct sigaction action;
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == interrupt) std::signal(signal, SIG_DFL);
  }
  running = nullptr;
}

int SignalGuard::caught() { return last; }

}  // namespace spry
