// Making a machine.
#pragma once

#include <memory>

#include "machine/machine_data.h"

namespace spry {

// Builds the machine that machine.options ask for, in `shell` or, if that is null, in a new one: for `image`, or for
// `snapshot` if that is null. Errors: those of Machine::create.
Result<void> build(MachineData& machine, std::unique_ptr<Vcpu> shell, const Image* image,
                   std::shared_ptr<const Base> snapshot);

}  // namespace spry
