// Spry's systems: the command, and machines in this process, as a launcher uses them.
//
// In this process "Hello" counts as received when the launcher has the Outcome and has found "Hello" in its output. The
// run has ended by then. The command, in contrast, prints before it takes its machine apart.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "spry/machine.h"
#include "spry/platform.h"
#include "tool/collector.h"
#include "tool/containers.h"
#include "tool/folder.h"
#include "tool/system.h"

namespace spry::bench {

// Says what is wrong with an outcome that is not a "Hello".
Result<void> check_hello(const Result<Outcome>& outcome);

// A machine made from a loaded image for each action. The end is after the machine has been destroyed, on this thread.
Result<std::unique_ptr<Runner>> make_cold_runner(const std::string& image, Platform platform);

// One machine for all actions. The end is after its reset.
Result<std::unique_ptr<Runner>> make_machine_runner(const std::string& image, Platform platform);

// spry, spry-console, cold, shell, machine, pooled and snapshots on one platform. The folder and the collector must
// outlive the systems.
std::vector<std::unique_ptr<System>> make_spry_systems(const Programs& programs, Platform platform,
                                                       const Folder& folder, Collector& collector);

}  // namespace spry::bench
