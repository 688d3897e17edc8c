// What a command that runs one guest says at its end, and its exit code.
#pragma once

#include <string_view>

#include "cli/options.h"
#include "spry/machine.h"

namespace spry {

// The exit status that a parent process sees: the low 8 bits of the guest's.
int exit_code_of(const Outcome& outcome);

// Says on standard error what went wrong with the guest, after the unikernel's name and `about`; says nothing if the
// guest called exit. Returns the exit code for the process. After a signal it ends the process by that signal instead.
int conclude(const GuestOptions& options, const Outcome& outcome, std::string_view about = {});

}  // namespace spry
