// What a guest's page tables map.
#pragma once

#include <cstdint>

#include "kvm/page_tables.h"
#include "platform/vcpu.h"

namespace spry {

// The flags of PageTables::map for user memory.
std::uint64_t user_flags(const Permissions& permissions);

// Maps all user memory that is there from the beginning, and what the gates need. False if there is no page left for a
// table.
[[nodiscard]] bool map_memory(PageTables& tables, const Furnishing& furnishing);

}  // namespace spry
