// Verify mode: is a machine after its reset really what its base is?
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Takes the probe's report of a machine that is at its base, for later comparisons. Registers have to be set again
// afterwards. Errors: those of code_for.
Result<void> begin_verifying(MachineData& machine);

// Compares all memory that slots cover, and the registers that KVM tells, with the base, and runs a probe in the guest
// (probe.S) that tells what KVM does not. Errors: kMonitor, naming the first difference; those of code_for.
Result<void> verify_machine(MachineData& machine);

}  // namespace spry
