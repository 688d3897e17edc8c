// What a command that runs one guest says at its end, and exits with.
#pragma once

#include <string_view>

#include "cli/options.h"
#include "spry/machine.h"

namespace spry {

// The exit status that a parent sees of what the guest called exit with.
int exit_code_of(const Outcome& outcome);

// Says on standard error what went wrong with the guest, after the unikernel's name and `about`; says nothing of a
// guest that called exit. The exit code of the process, unless it ends here by a signal.
int conclude(const GuestOptions& options, const Outcome& outcome, std::string_view about = {});

}  // namespace spry
