// What a guest's process maps: its regions, with exactly their permissions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/layout.h"
#include "process/plan.h"
#include "spry/error.h"

namespace spry {

// Mappings of the machine's memfd, which is descriptor number `descriptor` of the plan, in ascending order. Adjacent
// regions with equal permissions become one mapping. With `logged`, those that can be written get SPRY_MAP_LOGGED.
std::vector<spry_mapping> guest_mappings(std::span<const Region> regions, std::uint64_t slide, int descriptor,
                                         bool logged);

// PROT_*.
int protection(const Permissions& permissions);

}  // namespace spry
