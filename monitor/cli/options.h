// The command lines of the subcommands that run unikernels.
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
#include "spry/platform.h"

namespace spry {

// --KIND NAME=TEXT: what the user says about one device. Views into argv and the module table.
struct Specification {
  std::string_view kind;
  std::string_view name;
  std::string_view text;
};

// What those command lines have in common.
struct GuestOptions {
  bool help = false;  // --help was given: nothing else counts
  Platform platform = Platform::kAutomatic;
  std::optional<std::uint64_t> memory;
  std::optional<std::chrono::nanoseconds> deadline;
  std::string_view deadline_text;  // as the user wrote it
  std::vector<Specification> specifications;
  const char* unikernel = nullptr;
  std::vector<std::string> arguments;  // of the guest; [0] is the unikernel as the user wrote it
};

struct RunOptions : GuestOptions {
  const char* input = nullptr;   // a path, "-", or null
  const char* report = nullptr;  // a path, or null
  bool verify = false;           // a snapshot's contents
};

struct PoolCommandOptions : GuestOptions {
  const char* inputs = nullptr;   // a directory, or null for the lines of standard input
  const char* outputs = nullptr;  // a directory, or null for standard output
  std::uint64_t repeat = 1;
  unsigned workers = 0;
  std::optional<std::uint64_t> max_input;
  std::uint64_t max_held = std::uint64_t{256} << 20;  // bytes of inputs, and of outputs, that wait
  bool json = false;                                  // a line for each outcome, instead of outputs and sentences
};

struct SnapshotCommandOptions : GuestOptions {
  const char* output = nullptr;  // a path; there always is one
};

// Each parses `COMMAND [OPTION...] UNIKERNEL [ARG...]`; argv[0] is the command. Everything after UNIKERNEL is the
// guest's. Each module that takes a specification adds an option named like its kind. Abbreviated options are refused,
// so that a new option breaks no script. Not for two threads at once, because getopt_long is not.
Result<RunOptions> parse_run(int argc, char** argv, std::span<const Module* const> modules);
Result<PoolCommandOptions> parse_pool(int argc, char** argv, std::span<const Module* const> modules);
Result<SnapshotCommandOptions> parse_snapshot(int argc, char** argv, std::span<const Module* const> modules);

}  // namespace spry
