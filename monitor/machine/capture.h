// The snapshot point: a machine at its guest's first `ready` becomes the base of its own further actions.
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Makes what the machine is now, with the `ready` hypercall answered, its base. Answers why a device cannot be brought
// back to this moment, if one cannot, and then nothing has changed. Errors: those of code_for.
Result<std::string> capture_ready(MachineData& machine);

}  // namespace spry
