// Reset: from the end of one action back to the base, so that nothing of the action is left.
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Brings the machine back to its base: discards what the platform has pending, restores memory and clears the input
// area. Registers are set when the next action begins. With options.verify, the result is compared with the base.
// Errors: those of code_for; the machine is then broken.
Result<void> reset_machine(MachineData& machine);

}  // namespace spry
