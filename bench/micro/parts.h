// Adds the parts to measure. Which ones there are, is known only when the benchmark runs: some exist once for each
// platform, and some need KVM.
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
