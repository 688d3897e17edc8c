// The beginning and the end of an action.
#pragma once

#include "machine/machine_data.h"

namespace spry {

// Makes the machine, which is at its base, ready to enter: input, boot page, devices, registers. Borrows `input` until
// the action ends. Errors: those of Machine::run.
Result<void> begin_action(MachineData& machine, const Input& input, const ActionOptions& options);

// Error: kInvalidArgument if the deadline is less than one nanosecond.
Result<void> check_deadline(const std::optional<std::chrono::nanoseconds>& deadline);

// Runs the action that begin_action has begun, until its end. An Error comes from a device or from the platform; what
// the guest does is never an Error.
Result<void> run_action(MachineData& machine);

// The signal that the platform may use for the deadline.
int deadline_signal(const MachineData& machine);

// Gives the guest its input and a fresh boot page: where an action begins, or where its first `ready` returns.
Result<void> deliver_input(MachineData& machine);

}  // namespace spry
