// What a person at a terminal is told before a guest runs.
#pragma once

#include "spry/platform.h"

namespace spry {

// Says on standard error that the guest runs as a process, if nobody asked for that and standard error is a terminal.
// `wanted` is what the user asked for, `used` the platform that was taken.
void tell_of_platform(Platform wanted, Platform used);

// The same before a platform was taken: finds out which one it will be, unless nothing would be said anyway.
void tell_of_platform(Platform wanted);

}  // namespace spry
