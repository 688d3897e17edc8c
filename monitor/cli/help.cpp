// The help texts: each fits a screen of 80 columns and 24 lines, with the options of a few modules below `run`.
#include "cli/commands.h"

namespace spry {

std::string_view help_text(std::string_view command) {
  if (command.empty()) {
    return R"(Spry runs one action in one tiny virtual machine.

  spry run [OPTION...] UNIKERNEL [ARG...]   run a unikernel to its exit
  spry inspect [--json] UNIKERNEL           show what a unikernel is and needs
  spry doctor                               tell whether this host can run Spry
  spry help [COMMAND]                       explain a command
  spry --version                            print the version

Exit codes: 124 the deadline passed, 125 spry failed, 126 not a unikernel that
can run here, 127 no such file, 134 the guest aborted, 139 the guest faulted;
otherwise the guest's own status.
)";
  }
  if (command == "run") {
    return R"(Usage: spry run [OPTION...] UNIKERNEL [ARG...]

Runs UNIKERNEL in a virtual machine of its own, with the devices that its
manifest names. Its output goes to standard output, its diagnostics to standard
error. Everything after UNIKERNEL is the guest's.

  --memory SIZE        guest memory: digits and K, M or G (16M, or what the
                       manifest asks for, if that is more)
  --deadline DURATION  end the run with 124 after this time: digits and ns, us,
                       ms, s or m
  --input FILE|-       the action's input: a file, or standard input
  --report FILE        write a receipt as JSON
  -h, --help           print this
)";
  }
  if (command == "inspect") {
    return R"(Usage: spry inspect [--json] UNIKERNEL

Shows a unikernel's ABI version, its type, what its manifest asks for, its
segments with their permissions, its entry point and the memory it needs.
Addresses are guest-physical.

  --json      print a JSON object instead
  -h, --help  print this
)";
  }
  if (command == "doctor") {
    return R"(Usage: spry doctor

Tells whether this host can run Spry: /dev/kvm, the capabilities of KVM that
Spry uses, whether ring 0 runs natively, and what a cold start costs here.
A line that begins with "bad" says what to do. Exits with 0 only if Spry can
run here, else with 125.

  -h, --help  print this
)";
  }
  return {};
}

}  // namespace spry
