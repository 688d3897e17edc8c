// The devices that a command line gives a unikernel.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "spry/machine.h"

namespace spry {

// Where the console writes: to standard output and standard error, or into the outcome.
enum class ConsoleTo { kStandard, kOutcome };

// One for each device that the manifest of `unikernel` names, by the modules of this monitor. Borrows the texts of
// `specifications`. Errors: kMonitor for a specification of a device that the manifest does not name; kNotUnikernel for
// a kind that this monitor was built without.
Result<std::vector<Attachment>> attach_devices(const std::string& unikernel,
                                               const std::vector<Specification>& specifications,
                                               const Manifest& manifest, ConsoleTo console);

}  // namespace spry
