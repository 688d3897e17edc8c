// Platform: what runs a guest's instructions.
#pragma once

#include <string_view>

#include "spry/api.h"

namespace spry {

// What isolates the guest; docs/security.md says what each platform promises.
enum class Platform {
  kAutomatic,  // what SPRY_PLATFORM in the environment names; else kKvm, or kProcess where the machine has no KVM at
               // all
  kKvm,        // a virtual machine
  kProcess,    // a Linux process that has no system call left
};

// "automatic", "kvm", "process".
SPRY_API std::string_view to_string(Platform platform);

}  // namespace spry
