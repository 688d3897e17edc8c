// `spry`: finds the subcommand.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <new>

#include "cli/commands.h"
#include "cli/signals.h"
#include "system/io.h"
#include "system/own_stack.h"
#include "text/escape.h"
#include "text/format.h"

extern "C" {
// The linker's: where the program begins, and where its code ends.
extern const char __executable_start[];
extern const char etext[];
}

namespace spry {
namespace {

// A command makes some dozens of page faults, which on a virtual machine are most of its time. Two calls map the code
// and some stack at once instead. They need Linux 5.14; on an older one the command is only slower.
void map_code_and_stack() {
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::uintptr_t kStack = 24 << 10;
  const auto code = reinterpret_cast<std::uintptr_t>(__executable_start) & ~(kPage - 1);
  const auto code_end = reinterpret_cast<std::uintptr_t>(etext);
  madvise(reinterpret_cast<void*>(code), code_end - code, MADV_POPULATE_READ);
  const auto stack = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) & ~(kPage - 1);
  madvise(reinterpret_cast<void*>(stack - kStack), kStack, MADV_POPULATE_WRITE);
}

// Descriptors 0, 1 and 2 that are closed would be given to the next files that are opened, and output would go into
// them. Each is filled with /dev/null opened in the opposite direction, so that using it fails with EBADF as if it were
// closed. One poll(2) looks at all three.
void fill_standard_descriptors() {
  pollfd standard[] = {{STDIN_FILENO, 0, 0}, {STDOUT_FILENO, 0, 0}, {STDERR_FILENO, 0, 0}};
  if (poll(standard, std::size(standard), 0) <= 0) return;
  for (const pollfd& descriptor : standard) {
    if ((descriptor.revents & POLLNVAL) == 0) continue;
    // The lowest free descriptor is this one, because those below are open.
    const int filler = open("/dev/null", descriptor.fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (filler != descriptor.fd) _exit(kExitMonitor);
  }
}

int help_command(int argc, char** argv) {
  if (argc > 2) return complain({ErrorCode::kMonitor, "help: takes one command at most (see spry help)"});
  const std::string_view command = argc == 2 ? argv[1] : "";
  if (help_text(command).empty()) {
    return complain({ErrorCode::kMonitor, fmt::format("help: no command \"{}\" (see spry help)", escape(command))});
  }
  return print_help(command);
}

int command_named(int argc, char** argv) {
  if (argc < 2) return complain({ErrorCode::kMonitor, "no command is given (see spry --help)"});
  const std::string_view command = argv[1];
  if (command == "run") return run_command(argc - 1, argv + 1);
  if (command == "pool") return pool_command(argc - 1, argv + 1);
  if (command == "snapshot") return snapshot_command(argc - 1, argv + 1);
  if (command == "inspect") return inspect_command(argc - 1, argv + 1);
  if (command == "doctor") return doctor_command(argc - 1, argv + 1);
  if (command == "help") return help_command(argc - 1, argv + 1);
  if (command == "--help" || command == "-h") return print_help("");
  if (command == "--version") return print("spry " SPRY_VERSION "\n");
  const std::string_view word = command.starts_with('-') ? "option" : "command";
  return complain({ErrorCode::kMonitor, fmt::format("unknown {} \"{}\" (see spry --help)", word, escape(command))});
}

// Says that there is no memory, without allocating any.
int out_of_memory() {
  write_all(STDERR_FILENO, "spry: out of memory\n");
  return kExitMonitor;
}

int dispatch(int argc, char** argv) {
  try {
    return command_named(argc, argv);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

// The command needs some 100 KiB of stack. Where the user's limit (ulimit -s) leaves less, the command makes a stack of
// its own.
int dispatch_on_enough_stack(int argc, char** argv) {
  constexpr std::size_t kEnough = std::size_t{1} << 20;
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kEnough) return dispatch(argc, argv);
  struct Call {
    int argc;
    char** argv;
    int code;
  } call = {argc, argv, kExitMonitor};
  const auto run = [](void* argument) {
    auto& its = *static_cast<Call*>(argument);
    its.code = dispatch(its.argc, its.argv);
  };
  return on_own_stack(kEnough, run, &call) ? call.code : out_of_memory();
}

}  // namespace
}  // namespace spry

int main(int argc, char** argv) {
  spry::map_code_and_stack();
  spry::fill_standard_descriptors();
  spry::heed_signals_as_first_process();
  // Writing beyond RLIMIT_FSIZE is then an error with a sentence, and does not end the command.
  std::signal(SIGXFSZ, SIG_IGN);
  // The kernel takes the process apart faster than destructors would, and nothing is buffered.
  _exit(spry::dispatch_on_enough_stack(argc, argv));
}
