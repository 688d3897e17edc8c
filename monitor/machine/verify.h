// Verify mode: is a machine after its reset really what its base is?
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Takes the probe's report of a machine that is at its base, for later comparisons. Afterwards the registers must be
// set again (Vcpu::begin). Errors: those of code_for.
Result<void> begin_verifying(MachineData& machine);

// Compares with the base all memory that the guest can have touched, the input area, and what the platform knows of the
// CPU (Vcpu::difference). Then runs the probe in the guest (probe.S), which tells the rest. Errors: kMonitor, naming
// the first difference; those of code_for.
Result<void> verify_machine(MachineData& machine);

}  // namespace spry
