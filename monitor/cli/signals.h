// SIGINT and SIGTERM during a run.
#pragma once

#include <array>

#include "spry/machine.h"

namespace spry {

// While it lives, SIGINT and SIGTERM interrupt `machine` instead of ending the process. A signal that the process
// inherited as ignored stays ignored. One lives at a time.
class SignalGuard {
 public:
  explicit SignalGuard(Machine& machine);
  // Afterwards those that were not ignored have their default again.
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // The signal that came last, or 0.
  static int caught();

 private:
  std::array<bool, 2> handled_ = {};
};

// From the first process of a PID namespace the kernel keeps each signal that it has no handler for
// (pid_namespaces(7)), so that a container could not be stopped. There SIGINT and SIGTERM, unless they are ignored, end
// the process from now on with status 128 + the signal; elsewhere this does nothing.
void heed_signals_as_first_process();

}  // namespace spry
