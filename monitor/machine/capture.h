// The snapshot point: the state of a machine at its guest's first `ready` becomes the base of its further actions.
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Makes the machine's present state its base, as if the `ready` hypercall had been answered. Answers an empty string;
// or, if a device cannot be brought back to this moment, the reason, and then nothing has changed. Errors: those of
// code_for.
Result<std::string> capture_ready(MachineData& machine);

}  // namespace spry
