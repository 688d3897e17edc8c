// The signals that end a command.
#pragma once

namespace spry {

class Machine;

// From the first process of a PID namespace the kernel keeps each signal that it has no handler for
// (pid_namespaces(7)), so that a container could not be stopped. There the signals below, unless they are ignored, end
// the process from now on with status 128 + the signal; elsewhere this does nothing.
void heed_signals_as_first_process();

// While it lives, the signals that people, shells, batch systems, timers and limits send to end a process (SIGHUP,
// SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2 and SIGXCPU) end what the process is doing,
// and not the process. A signal that was inherited as ignored stays ignored. One guard lives at a time; afterwards each
// signal ends the process as if there had been no guard.
class SignalGuard {
 public:
  // At first the signals are blocked, and come in `wait` alone.
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // From here on the signals come at any time and interrupt `machine`; one that came before does so now.
  void interrupt(Machine& machine);

  // The signal that came last, or 0.
  static int caught();

  // Waits until descriptor `fd` can be read without waiting; false if a signal came before. Works without a guard
  // too; signals then do what they always do.
  static bool wait(int fd);
};

// From now on the signals above wait while a step lives, and end the process behind it. To be called before there are
// threads.
void heed_signals_between_steps();

// Something that is done whole or not at all, however the process is asked to end. Any thread may have one, but only
// one at a time.
class Step {
 public:
  Step();
  ~Step();
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
};

// Ends the process by `signal`, so that whoever waits for it sees what ended it. Returns only in the first process
// of a container, which survives the signal; the answer is the status that a shell would report.
int end_by(int signal);

}  // namespace spry
