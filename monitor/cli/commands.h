// The subcommands of `spry`. Each gets its own argv (argv[0] is its name) and returns the exit code of the process.
#pragma once

#include <string_view>

#include "spry/error.h"

namespace spry {

// Exit codes of `spry` itself, beside those that a guest chooses (README, "Exit codes").
enum ExitCode : int {
  kExitSuccess = 0,
  kExitDeadline = 124,
  kExitMonitor = 125,
  kExitNotUnikernel = 126,
  kExitNotFound = 127,
  kExitSignal = 128,  // and the signal's number
  kExitAbort = 134,
  kExitFault = 139,
};

int run_command(int argc, char** argv);
int pool_command(int argc, char** argv);
int snapshot_command(int argc, char** argv);
int inspect_command(int argc, char** argv);
int doctor_command(int argc, char** argv);

// The help of a subcommand, or of `spry` for an empty name; empty if there is no such subcommand.
std::string_view help_text(std::string_view command);

// Prints a text to standard output. Returns kExitSuccess, or the exit code of the error that it has reported.
int print(std::string_view text);
// help_text, and for `run` the options of the modules.
int print_help(std::string_view command);
// Prints "spry: " and the sentence to standard error. Returns the exit code that belongs to the error.
int complain(const Error& error);

}  // namespace spry
