// Verify mode: is a machine after its reset really what its base is?
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Takes the probe's report of a machine that is at its base, for later comparisons. Registers have to be set again
// afterwards. Error: kMonitor.
Result<void> begin_verifying(MachineData& machine);

// Compares all memory that slots cover, and the registers that KVM tells, with the base, and runs a probe in the guest
// (probe.S) that tells what KVM does not. Error: kMonitor, naming the first difference.
Result<void> verify_machine(MachineData& machine);

}  // namespace spry
