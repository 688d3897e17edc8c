// The second filter of a guest's process, for guests that serve system calls: these raise SIGSYS in the guest's
// process, instead of a notification to the monitor.
#pragma once

#include "memory/layout.h"
#include "process/plan.h"

namespace spry {

// Writes the filter into `plan`. It traps calls from everywhere but `own`, the guest virtual range of the guest's own
// hypercalls. Calls of the stub, and those by other architectures' instructions, are left to the first filter. Where
// the two filters disagree, a trap wins over a notification (seccomp(2)). The filter refuses the
// stub's seccomp(2). Otherwise the guest could add the filter again and again, and each time all later calls would take
// longer, those of the next action too.
void filter_system_calls(spry_plan& plan, Range own);

}  // namespace spry
