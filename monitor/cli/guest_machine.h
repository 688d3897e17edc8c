// The machine that a command line gives a unikernel, with its devices.
#pragma once

#include "cli/file_uses.h"
#include "cli/options.h"
#include "spry/machine.h"

namespace spry {

// Where the console writes: to standard output and standard error, or into the outcome.
enum class ConsoleTo { kStandard, kOutcome };

// The options of the machine: what the command line says, and an attachment for each device that the manifest names, by
// the modules of this monitor. Moves the arguments out of `options` and borrows its other texts. A device that is
// opened adds its file to `files`, which the machines borrow. Errors: kMonitor for a specification of a device that the
// manifest does not name; kNotUnikernel for a kind of device that this monitor was built without.
Result<MachineOptions> guest_machine(GuestOptions& options, const Manifest& manifest, ConsoleTo console,
                                     FileUses& files);

}  // namespace spry
