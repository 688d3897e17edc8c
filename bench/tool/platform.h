// Spry's two platforms as the benchmark sees them: what it measures on each, and how it calls that.
#pragma once

#include <string>
#include <vector>

#include "spry/machine.h"
#include "spry/platform.h"

namespace spry::bench {

// Those that can be measured here: KVM where this process may use it, processes everywhere.
std::vector<Platform> platforms_here();

// "spry" or "spry-process".
std::string name_on(Platform platform, const std::string& name);

// "spry run (kvm)".
std::string label_on(Platform platform, const std::string& label);

// What a command of Spry's takes to insist on it: --platform and its value.
std::vector<std::string> platform_option(Platform platform);

// Options of a machine on it, of which the output is kept.
MachineOptions kept_output(Platform platform);

}  // namespace spry::bench
