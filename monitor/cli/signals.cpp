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

// False if the signal was inherited as ignored, and stays so, or cannot have a handler.
bool handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;  // without SA_RESTART: it must end waits
  sigemptyset(&action.sa_mask);
  // Looked at first: between setting the handler and taking it back, an ignored signal would be heeded.
  struct sigaction inherited;
  if (sigaction(signal, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) return false;
  return sigaction(signal, &action, nullptr) == 0;
}

}  // namespace

SignalGuard::SignalGuard(Machine& machine) {
  last = 0;
  running = &machine;
  for (std::size_t i = 0; i < kSignals.size(); ++i) handled_[i] = handle(kSignals[i], interrupt);
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
  for (const int signal : kSignals) handle(signal, [](int number) { _exit(128 + number); });
}

}  // namespace spry
