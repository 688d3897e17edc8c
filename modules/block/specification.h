// The user's specification of a disk: FILE[,ro][,overlay[=SIZE]][,shared][,sector=512|4096], where a comma of the
// file's name is written twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "spry/error.h"

namespace spry::block {

constexpr std::uint64_t kUnbounded = ~std::uint64_t{0};
constexpr std::uint64_t kLeastOverlay = 4096;  // a page of memory

struct Specification {
  std::string path;
  bool read_only = false;
  bool overlay = false;  // writes live in memory and vanish with the run
  std::uint32_t sector_size = 512;
  bool shared = false;  // other machines may write to it at the same time, and later actions see what is written
  std::uint64_t overlay_size = kUnbounded;  // bytes of memory that an overlay may take for what was written
};

// Parses the specification that was given for the disk `name`.
Result<Specification> parse_specification(std::string_view name, std::string_view text);

}  // namespace spry::block
