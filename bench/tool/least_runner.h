// The floors below an action of a kept machine, run in this process.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "tool/system.h"

namespace spry::bench {

// As much memory as a machine of Spry's has at first, so that both have the same memory slot.
inline constexpr std::size_t kLeastRunnerMemory = std::size_t{8} << 20;

// Enters the least machine (programs/least_machine.h) again for each action. "Hello" is received when KVM_RUN returns
// with the guest's text.
Result<std::unique_ptr<Runner>> make_least_runner();

// `guest` is the program bench-least-guest (programs/least_process.h). For each action the runner answers a
// notification of the guest, and receives the next one.
Result<std::unique_ptr<Runner>> make_notification_runner(const std::string& guest);

// For each action the runner puts back the page that the guest wrote, makes the guest begin again by a signal, and
// receives the notification of the action's end.
Result<std::unique_ptr<Runner>> make_least_kept_runner(const std::string& guest);

}  // namespace spry::bench
