// Both platforms side by side. They were measured on two machines, so only ratios can be compared.
#pragma once

#include <vector>

#include "tool/report.h"

namespace spry::bench {

// The sections "machines" and "beside". Either of the results may be an empty object.
std::vector<Section> compare(const Json& kvm, const Json& process);

}  // namespace spry::bench
