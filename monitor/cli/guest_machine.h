// The machine that a command line gives a unikernel, with its devices.
#pragma once

#include "cli/file_uses.h"
#include "cli/options.h"
#include "spry/machine.h"

namespace spry {

// Where the console writes: to standard output and standard error, or into the outcome.
enum class ConsoleTo { kStandard, kOutcome };

// What `options` say of it, with a device for each that the manifest names, by the modules of this monitor. Moves the
// arguments out, and borrows the other texts. Errors: kMonitor for a specification of a device that the manifest does
// not name; kNotUnikernel for a kind that this monitor was built without. A device that is opened adds its file to
// `files`, which the machines borrow.
Result<MachineOptions> guest_machine(GuestOptions& options, const Manifest& manifest, ConsoleTo console,
                                     FileUses& files);

}  // namespace spry
