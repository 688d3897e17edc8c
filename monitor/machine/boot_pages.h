// The boot page and what follows it: what a guest is told (abi.h, struct spry_boot), argv and its strings.
#pragma once

#include <cstdint>

#include "machine/machine_data.h"
#include "spry/error.h"

namespace spry {

// Bytes that the boot pages take. Error: kMonitor if the arguments take more than 64 KiB.
Result<std::uint64_t> boot_pages_size(const MachineOptions& options);

// Bytes of all the devices' shared areas.
std::uint64_t shared_areas_size(const MachineData& machine);

// Fills the boot pages and gives the devices their shared areas. With SPRY_FEATURE_CLOCK the vCPU is asked for its TSC.
Result<void> fill_boot_pages(MachineData& machine, std::uint64_t input_length);

}  // namespace spry
