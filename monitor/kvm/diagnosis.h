// Whether KVM can be used on this host, from the outside in.
#pragma once

#include <string>

#include "platform/finding.h"

namespace spry {

// Whether `path`, which stands for /dev/kvm, may be opened, and if not, why and what to do.
Finding diagnose_device(const std::string& path);

// Says what it finds, up to the first thing that stands in the way of the rest. True if guests can run.
bool examine_kvm(const SayFinding& say);

}  // namespace spry
