// The boot page and what follows it: what a guest is told (abi.h, struct spry_boot), argv and its strings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "machine/base.h"
#include "machine/entropy.h"
#include "spry/abi.h"
#include "spry/error.h"

namespace spry {

// Bytes that the boot pages take. Error: kMonitor if the arguments take more than 64 KiB.
Result<std::uint64_t> boot_pages_size(const std::vector<std::string>& arguments);

// Where the shared areas of devices lie, by handle, each 16-byte aligned; `sizes` as Base::shared, `start` that of
// Layout::shared. And the bytes of all of them.
std::vector<Range> shared_areas(const std::vector<std::uint64_t>& sizes, std::uint64_t start);
std::uint64_t shared_areas_size(const std::vector<std::uint64_t>& sizes);

// Fills zeroed boot pages with what is the same for all actions; the canary is random. Error: kMonitor.
Result<void> fill_boot_pages(const Base& base, std::span<std::byte> bytes);

// What an action is told that the one before was not.
struct ActionStart {
  std::uint64_t generation = 0;
  std::uint64_t flags = 0;         // SPRY_BOOT_*
  std::uint64_t input = 0;         // guest virtual
  std::uint64_t input_length = 0;  // bytes
};

// Writes it to the boot page, with a fresh seed. Error: kMonitor.
Result<void> begin_boot_page(spry_boot& boot, const ActionStart& start, Entropy& entropy);

}  // namespace spry
