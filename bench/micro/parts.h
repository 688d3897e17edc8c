// The parts that exist once for each platform, and those that need KVM: known only where the benchmark runs.
#pragma once

#include <string>

#include "spry/platform.h"

namespace spry::micro {

// "hypercall" or "hypercall_process".
inline std::string name_of(const std::string& part, Platform platform) {
  return platform == Platform::kProcess ? part + "_process" : part;
}

void add_exits();
void add_resets();

}  // namespace spry::micro
