// The floor of a kept machine: one KVM_RUN with one exit, and nothing else.
#pragma once

#include "tool/system.h"

namespace spry::bench {

// A runner that enters the least machine (programs/least_machine.h) again for each action. "Hello" is received when
// KVM_RUN returns with the guest's text.
Result<std::unique_ptr<Runner>> make_least_runner();

}  // namespace spry::bench
