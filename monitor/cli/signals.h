// The signals that end a command.
#pragma once

namespace spry {

class Machine;

// The kernel does not deliver a signal to the first process of a PID namespace, if that has no handler for it
// (pid_namespaces(7)); so a container could not be stopped. In such a process the signals below, unless they are
// ignored, exit with status 128 + the signal from now on. In any other process this does nothing.
void heed_signals_as_first_process();

// While a guard lives, the signals that people, shells, batch systems, timers and limits send to end a process (SIGHUP,
// SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2 and SIGXCPU) end what the process is doing,
// and not the process. A signal that was inherited as ignored stays ignored. Only one guard lives at a time. After it,
// each of these signals ends the process as if there had been no guard.
class SignalGuard {
 public:
  // From here on the signals are blocked, and arrive only in `wait`.
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // From here on the signals arrive at any time and interrupt `machine`. If one came before, it interrupts `machine`
  // now.
  void interrupt(Machine& machine);

  // The signal that came last, or 0.
  static int caught();

  // Waits until descriptor `fd` can be read without waiting; false if a signal came first. Without a guard, signals do
  // what they always do.
  static bool wait(int fd);
};

// From now on the signals above end the process; one that comes while a Step lives does so at the end of the Step. To
// be called before the process starts threads.
void heed_signals_between_steps();

// While a Step lives, no signal of those above ends the process: what is done in it is done as a whole or not at all.
// Any thread may have a Step, but only one thread at a time.
class Step {
 public:
  Step();
  ~Step();
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
};

// Ends the process by `signal`, so that its parent sees what ended it, even if this thread has blocked the signal. The
// first process of a PID namespace survives its own signals: there this returns the exit status that a shell would
// report. A signal handler may call it.
int end_by(int signal);

}  // namespace spry
