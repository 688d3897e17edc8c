// Spry's two platforms as the benchmark sees them: which ones can be measured, and how systems on them are named.
#pragma once

#include <string>
#include <vector>

#include "spry/machine.h"
#include "spry/platform.h"

namespace spry::bench {

// The platforms that can be measured here: KVM if this process may use it, and processes always.
std::vector<Platform> platforms_here();

// "spry" or "spry-process".
std::string name_on(Platform platform, const std::string& name);

// "spry run (kvm)".
std::string label_on(Platform platform, const std::string& label);

// The options that make a command of Spry's use this platform: --platform and its value, or none.
std::vector<std::string> platform_option(Platform platform);

// Options of a machine on this platform that keeps its output.
MachineOptions kept_output(Platform platform);

}  // namespace spry::bench
