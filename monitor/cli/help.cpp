// The help texts: each fits a screen of 80 columns and 24 lines, with the options of a few modules below `run`.
#include "cli/commands.h"

namespace spry {

std::string_view help_text(std::string_view command) {
  if (command.empty()) {
    return R"(Spry runs one action in one tiny machine.

  spry run [OPTION...] UNIKERNEL [ARG...]   run a unikernel to its exit
  spry pool [OPTION...] UNIKERNEL [ARG...]  run it once for each of many inputs
  spry snapshot -o FILE UNIKERNEL [ARG...]  keep it as it is when it is ready
  spry inspect [--json] UNIKERNEL           show what a file is and needs
  spry doctor                               tell whether this host can run Spry
  spry help [COMMAND]                       explain a command, or: platforms
  spry --version                            print the version

Exit codes: 124 the deadline passed, 125 spry failed, 126 not a unikernel that
can run here, 127 no such file, 134 the guest aborted, 139 the guest faulted;
otherwise the guest's own status.
)";
  }
  if (command == "run") {
    return R"(Usage: spry run [OPTION...] UNIKERNEL [ARG...]

Runs UNIKERNEL, or a snapshot of one, in a machine of its own, with the devices
that its manifest names. Its output goes to standard output, its
diagnostics to standard error. Everything after UNIKERNEL is the guest's.

  --memory SIZE        guest memory: digits and K, M or G (16M, or what the
                       manifest asks for, if that is more)
  --deadline DURATION  end the run with 124 after this time: digits and ns, us,
                       ms, s or m
  --input FILE|-       the action's input: a file, or standard input
  --report FILE        write a receipt as JSON
  --verify             compare a snapshot's contents with their digest
  --platform NAME      kvm or process (spry help platforms)
  -h, --help           print this
)";
  }
  if (command == "pool") {
    return R"(Usage: spry pool [OPTION...] UNIKERNEL [ARG...]

Runs UNIKERNEL, or a snapshot of one, once for each input, in machines that are
kept ready and reset after each action. Inputs are the lines of standard input
or the files of a directory; outputs go to standard output, in the inputs'
order. Statistics go to standard error. Exits with 1 if an action failed.

  --inputs DIR         each file is an input, in the order of their names
  --outputs DIR        one file for each output, named as its input or 1, 2 ...
  --repeat N           run each input N times, one after the other
  --workers N          machines at work at once (one for each CPU)
  --max-input SIZE     longest input (1M, or the largest file's, up to 256M)
  --max-held SIZE      inputs, and outputs, that wait for their turn (256M)
  --json               print a line of JSON for each action, and no outputs
  --memory SIZE        as for run
  --deadline DURATION  of each action
  --platform NAME      as for run
  -h, --help           print this
)";
  }
  if (command == "snapshot") {
    return R"(Usage: spry snapshot [OPTION...] -o FILE UNIKERNEL [ARG...]

Runs UNIKERNEL until it calls ready, and writes what it is then to FILE, which
`spry run` and `spry pool` take in its place. FILE is for this version of Spry
and CPUs with this one's features. Replace it by renaming, never by writing to
it: machines that run from it map it.

  -o, --output FILE    where it goes
  --memory SIZE        as for run, for all that is run from FILE
  --deadline DURATION  give up with 124 after this time, the writing included
  --platform NAME      as for run, for the snapshot's making alone
  -h, --help           print this
)";
  }
  if (command == "inspect") {
    return R"(Usage: spry inspect [--json] UNIKERNEL

Shows a unikernel's ABI version, its type, what its manifest asks for, its
segments with their permissions, its entry point and the memory it needs.
Addresses are guest-physical. Of a snapshot it shows what belongs to it: its
memory, its contents' size and its arguments.

  --json      print a JSON object instead
  -h, --help  print this
)";
  }
  if (command == "platforms") {
    return R"(Platforms: what runs a guest's instructions. The same file runs on each, with
the same verdicts, and a snapshot from one runs on the other.

  kvm      A virtual machine of Linux's KVM. To escape, a guest must break KVM,
           the processor's virtualization, or the monitor.
  process  A Linux process with no system call left, for machines without KVM.
           To escape, a guest must break the kernel's handling of page faults,
           signals and seccomp, or the monitor. The processor's features cannot
           be hidden from it.

Without --platform and SPRY_PLATFORM it is kvm; process only where the machine
has no KVM at all. A /dev/kvm that may not be opened is an error, never a
silent change of isolation. --platform NAME, or SPRY_PLATFORM=NAME in the
environment, insist on one. `spry doctor` tells which work here, and what to do
if one does not; a receipt (spry run --report) names the one that ran the
guest.
)";
  }
  if (command == "doctor") {
    return R"(Usage: spry doctor

Tells for each platform whether it works on this host: /dev/kvm, the
capabilities of KVM that Spry uses, whether ring 0 runs natively; what the
kernel offers to guests that are processes; and what a cold start costs here.
A line that begins with "bad" says what to do. Exits with 0 only if Spry can
run here, else with 125.

  -h, --help  print this
)";
  }
  return {};
}

}  // namespace spry
