// Both platforms side by side, of two runs on two machines: what one may compare is ratios.
#pragma once

#include <vector>

#include "tool/report.h"

namespace spry::bench {

// machines, beside. Either may be an empty object.
std::vector<Section> compare(const Json& kvm, const Json& process);

}  // namespace spry::bench
