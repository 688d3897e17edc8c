// Reset: from the end of one action back to the base, so that nothing of the action is left.
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Does what an action leaves to be done: what the platform has pending, memory, the input. Registers are set when the
// next action begins. With options.verify, the result is compared with the base. Errors: those of code_for; the machine
// is then broken.
Result<void> reset_machine(MachineData& machine);

}  // namespace spry
