// The second filter of a guest's process whose guest serves system calls: they raise SIGSYS there instead of a
// notification here.
#pragma once

#include "memory/layout.h"
#include "process/plan.h"

namespace spry {

// Makes it for calls from everywhere but `own`, guest virtual, where the guest's own hypercalls are. What the stub and
// other architectures' instructions do is left to the first filter: of two that disagree, trapping comes before telling
// (seccomp(2)). It refuses the stub's seccomp(2), by which the guest would add it again and again: each time all later
// calls would take longer, also those of the next action.
void filter_system_calls(spry_plan& plan, Range own);

}  // namespace spry
