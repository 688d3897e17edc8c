// Parts of snapshots as machines write them, for tests of what else a file may say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/parts.h"
#include "spry/abi.h"

namespace spry::test {

inline constexpr std::uint64_t kStart = 0x2000;  // of the contents in the file
inline constexpr std::uint64_t kReadWrite = Parts::kRead | Parts::kWrite;

// The values from which all other parts follow.
struct SnapshotShape {
  std::uint64_t memory = std::uint64_t{16} << 20;
  std::uint64_t slide = std::uint64_t{1} << 30;
  std::uint64_t stack = 0x40000;
  std::vector<Parts::Region> segments = {{{SPRY_IMAGE_MIN, SPRY_IMAGE_MIN + 0x1000}, Parts::kRead | Parts::kExecute},
                                         {{SPRY_IMAGE_MIN + 0x2000, SPRY_IMAGE_MIN + 0x3000}, kReadWrite}};
  std::vector<std::string> arguments = {"guest", "one"};
  // Of a console and a disk, the disk's handle being the second.
  std::vector<std::uint64_t> shared = {2048, 0, 100};
};

template <std::size_t N>
std::array<char, N> name(std::string_view text) {
  std::array<char, N> array = {};
  text.copy(array.data(), N - 1);
  return array;
}

// The parts of a snapshot of a guest of this shape. Only its boot pages and stack are not zero. Nothing, if the shape
// does not fit into its memory.
std::optional<Parts> shaped(const SnapshotShape& shape);

// Where the last run ends in the file.
std::uint64_t end_of(const Parts& parts);

}  // namespace spry::test
