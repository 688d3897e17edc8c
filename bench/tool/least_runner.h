// The floor of a kept machine: one KVM_RUN with one exit, and nothing else.
#pragma once

#include <cstddef>

#include "tool/system.h"

namespace spry::bench {

// As much as Spry's machine has at first, so that both have the same memory slot.
inline constexpr std::size_t kLeastRunnerMemory = std::size_t{8} << 20;

// A runner that enters the least machine (programs/least_machine.h) again for each action. "Hello" is received when
// KVM_RUN returns with the guest's text.
Result<std::unique_ptr<Runner>> make_least_runner();

}  // namespace spry::bench
