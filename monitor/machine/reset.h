// Reset: from the end of one action back to the base, so that nothing of the action is left.
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Does what an action leaves to be done: pending I/O, memory, the input, vector, debug and event state. General and
// segment registers are set when the next action begins. With options.verify, the result is compared with the base.
// Error: kMonitor; the machine is then broken.
Result<void> reset_machine(MachineData& machine);

// Removes everything of the machine from its shell: slots and what the vCPU cached of them, registers and events. The
// machine is only to be destroyed afterwards. Error: kMonitor.
Result<void> empty_shell(MachineData& machine);

}  // namespace spry
