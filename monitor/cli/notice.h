// What a person at a terminal is told beforehand.
#pragma once

#include "spry/platform.h"

namespace spry {

// Says on standard error, if that is a terminal, that the guest runs without KVM, where nobody asked for that: `wanted`
// is the user's word, `used` what it comes to. Says nothing into a pipe or a file.
void tell_of_platform(Platform wanted, Platform used);

// The same, of what it will come to, which is looked for only where it would be said.
void tell_of_platform(Platform wanted);

}  // namespace spry
