// The boot pages: what a guest is told (abi.h, struct spry_boot), and behind it argv and its strings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cpu/x86.h"
#include "snapshot/base.h"
#include "spry/abi.h"
#include "spry/error.h"
#include "system/entropy.h"

namespace spry {

// Bytes that the boot pages take. Error: kInvalidArgument if the arguments take more than 64 KiB.
Result<std::uint64_t> boot_pages_size(const std::vector<std::string>& arguments);

// Where the shared areas of devices lie: one after the other by handle, each 16-byte aligned.
class SharedAreas {
 public:
  explicit SharedAreas(std::uint64_t start) : next_(start) {}  // the start of Layout::shared

  // The next handle's area; `size` from Base::shared.
  Range next(std::uint64_t size) {
    const Range area = {next_, next_ + size};
    next_ += x86::round_up(size, kAlignment);
    return area;
  }

 private:
  static constexpr std::uint64_t kAlignment = 16;
  std::uint64_t next_;
};

// The bytes that the areas of all `sizes` take.
std::uint64_t shared_areas_size(const std::vector<std::uint64_t>& sizes);

// Fills zeroed boot pages with what is the same for all actions; the canary is random. Errors: those of code_for.
Result<void> fill_boot_pages(const Base& base, std::span<std::byte> bytes);

// What the boot page says to one action only.
struct ActionStart {
  std::uint64_t generation = 0;
  std::uint64_t flags = 0;         // SPRY_BOOT_*
  std::uint64_t input = 0;         // guest virtual
  std::uint64_t input_length = 0;  // bytes
};

// Writes `start` and a fresh seed to the boot page. Errors: those of code_for.
Result<void> begin_boot_page(spry_boot& boot, const ActionStart& start, Entropy& entropy);

}  // namespace spry
