// The floors below a kept machine's action, in this process.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "tool/system.h"

namespace spry::bench {

// As much as Spry's machine has at first, so that both have the same memory slot.
inline constexpr std::size_t kLeastRunnerMemory = std::size_t{8} << 20;

// Enters the least machine (programs/least_machine.h) again for each action. "Hello" is received when KVM_RUN returns
// with the guest's text.
Result<std::unique_ptr<Runner>> make_least_runner();

// `guest` is the program bench-least-guest (programs/least_process.h). Answers a notification of it and receives the
// next, for each action.
Result<std::unique_ptr<Runner>> make_notification_runner(const std::string& guest);

// Puts back the page that it wrote, has it begin again by a signal, and receives the notification of its end.
Result<std::unique_ptr<Runner>> make_least_kept_runner(const std::string& guest);

}  // namespace spry::bench
