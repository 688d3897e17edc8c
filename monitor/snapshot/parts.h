// The metadata of a snapshot's file: what a Base has but its memory, as values that have one encoding each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/registers.h"
#include "cpu/xsave.h"
#include "memory/contents.h"
#include "memory/layout.h"
#include "snapshot/base.h"

namespace spry {

// Everything in it is of plain numbers without holes: no byte of the file is chance, and no number is a wrong value of
// its type.
struct Parts {
  struct Need {
    std::uint32_t handle = 0;
    std::array<char, 20> kind = {};  // zero-padded
    std::array<char, 40> name = {};
  };
  struct Region {
    Range range;
    std::uint64_t permissions = 0;  // kRead, kWrite, kExecute
  };
  static constexpr std::uint64_t kRead = 1, kWrite = 2, kExecute = 4;
  struct Segment {
    std::uint64_t selector = 0;
    std::uint64_t base = 0;
  };
  static constexpr std::size_t kXsaveParts = 8;  // of XCR0: up to AVX-512

  std::string path;  // of the image
  std::uint64_t features = 0;
  std::vector<Need> needs;
  std::vector<std::string> arguments;
  Layout layout;
  std::vector<Region> regions;
  std::vector<std::uint64_t> shared;
  std::vector<std::string> constants;
  std::uint64_t covered = 0;
  std::uint64_t generation = 0;
  std::uint64_t elapsed_ns = 0;
  Registers registers;
  std::array<Segment, 4> segments = {};  // DS, ES, FS, GS
  SystemCalls system_calls;
  std::array<std::byte, VectorState::kSize> vectors = {};
  std::array<XsavePart, kXsaveParts> places = {};  // in `vectors`, of the parts from 2 on that are in use
  std::vector<std::string> devices;
  std::vector<ContentsRun> runs;  // without the monitor's own pages
};

// Without `runs`, whose places are the file's.
Parts parts_of(const Base& base);
// Without contents. The parts are sound (soundness.h).
std::shared_ptr<Base> base_of(Parts parts, const std::string& path);

// The runs of a base's memory that go into a file, with their places in it, which begin at `start`.
std::vector<ContentsRun> place_runs(std::vector<ContentsRun> runs, std::uint64_t start);
std::vector<ContentsRun> runs_of(const Base& base);

std::vector<std::byte> encode(const Parts& parts);
// Nothing, if the bytes end too early or too late.
std::optional<Parts> decode(std::span<const std::byte> metadata);

// Each in the one form that files have: without what no guest can have of it.
std::uint64_t normal_flags(std::uint64_t rflags);
Parts::Segment normal_segment(const Parts::Segment& segment);
// The parts of an XSAVE area from 2 on that are in use, with their places on this CPU.
std::array<XsavePart, Parts::kXsaveParts> places_here(const VectorState& vectors);

// The text of a zero-padded array; all of it if there is no zero.
template <std::size_t N>
std::string text_of(const std::array<char, N>& array) {
  const std::string all(array.begin(), array.end());
  return all.substr(0, all.find('\0'));
}

}  // namespace spry
