// The metadata of a snapshot's file: a Base without its memory, as values each of which has only one encoding.
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

// Everything is plain numbers without padding. So no byte of the file is arbitrary, and each number is a value of its
// type, whatever its bytes are.
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
  std::array<XsavePart, kXsaveParts> places = {};  // of the parts from 2 on that `vectors` uses
  std::vector<std::string> devices;
  std::vector<ContentsRun> runs;  // without the platform's pages
};

// The parts of a base, without `runs`, whose offsets depend on the file.
Parts parts_of(const Base& base);
// The base of sound parts (soundness.h), without its contents.
std::shared_ptr<Base> base_of(Parts parts, const std::string& path);

// runs_of: the runs of a base's memory that go into a file. place_runs: gives them their offsets in the file, from
// `start` on.
std::vector<ContentsRun> place_runs(std::vector<ContentsRun> runs, std::uint64_t start);
std::vector<ContentsRun> runs_of(const Base& base);

std::vector<std::byte> encode(const Parts& parts);
// Nothing if there are too few bytes or too many.
std::optional<Parts> decode(std::span<const std::byte> metadata);

// Flags and segments in the one form that files have: without what no guest can have.
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
