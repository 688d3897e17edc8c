// The command line of `spry run`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spry/error.h"
#include "spry/module.h"

namespace spry {

// --KIND NAME=TEXT: what the user says about one device. Views into argv and the module table.
struct Specification {
  std::string_view kind;
  std::string_view name;
  std::string_view text;
};

struct RunOptions {
  bool help = false;  // --help was given: nothing else counts
  std::optional<std::uint64_t> memory;
  std::optional<std::chrono::nanoseconds> deadline;
  std::string_view deadline_text;  // as the user wrote it
  const char* input = nullptr;     // a path, "-", or null
  const char* report = nullptr;    // a path, or null
  std::vector<Specification> specifications;
  const char* unikernel = nullptr;
  std::vector<std::string> arguments;  // of the guest; [0] is the unikernel as the user wrote it
};

// Parses `run [OPTION...] UNIKERNEL [ARG...]`; argv[0] is "run". Everything after UNIKERNEL is the guest's. Each module
// that takes a specification adds an option of its kind's name. Options are not to be abbreviated, so that a new option
// breaks no script. Uses getopt_long, which is not for two threads at once.
Result<RunOptions> parse_run(int argc, char** argv, std::span<const Module* const> modules);

}  // namespace spry
