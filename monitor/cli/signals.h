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

}  // namespace spry
