// What the command prints. It uses write(2), because neither stdio nor iostream works here (monitor/cli/musl.c).
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/commands.h"
#include "cli/modules.h"
#include "system/io.h"
#include "text/format.h"

namespace spry {

int print(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return kExitSuccess;
  return complain({ErrorCode::kMonitor, fmt::format("cannot write output: {}", std::strerror(errno))});
}

int print_help(std::string_view command) {
  std::string text(help_text(command));
  if (command == "run" || command == "pool" || command == "snapshot") {
    bool specifications = false;
    for (const Module* module : modules) {
      if (module->usage.empty()) continue;
      const std::string option = fmt::format("--{} NAME=SPEC", module->kind);
      text += fmt::format("  {:<20} {}\n", option, module->usage);
      specifications = true;
    }
    if (specifications) text += fmt::format("  {:<20} a comma of a name in SPEC is written twice\n", "");
  }
  return print(text);
}

int complain(const Error& error) {
  write_all(STDERR_FILENO, fmt::format("spry: {}\n", error.message));
  switch (error.code) {
    case ErrorCode::kNotFound:
      return kExitNotFound;
    case ErrorCode::kNotUnikernel:
      return kExitNotUnikernel;
    default:
      return kExitMonitor;
  }
}

}  // namespace spry
