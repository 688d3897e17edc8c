// What a snapshot's metadata may say: what a machine can have written, and nothing else.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "cpu/x86.h"
#include "snapshot/parts.h"
#include "snapshot/soundness.h"
#include "snapshot_parts.h"
#include "spry/abi.h"

namespace spry {
namespace {

using namespace test;
using x86::kPageSize;

constexpr std::uint64_t kSlide = std::uint64_t{1} << 30;
constexpr std::uint64_t kImageEnd = SPRY_IMAGE_MIN + 3 * kPageSize;

// Parts that a machine could have written, with a small stack or with a large one at the end of memory.
Parts sound(std::uint64_t stack = 0x40000) { return *shaped({.stack = stack}); }

const char* verdict(const Parts& parts) { return contradiction(parts, kStart, end_of(parts)); }

TEST(SnapshotParts, AreSoundAsAMachineWritesThem) {
  EXPECT_STREQ(verdict(sound()), nullptr);
  EXPECT_STREQ(verdict(sound(std::uint64_t{1} << 20)), nullptr);
  Parts serving = sound();
  serving.system_calls = {serving.registers.rip, serving.layout.stack.end + kSlide};
  EXPECT_STREQ(verdict(serving), nullptr);
}

TEST(SnapshotParts, ComeBackAsTheyWere) {
  Parts parts = sound();
  parts.system_calls = {parts.registers.rip, parts.layout.stack.end + kSlide};
  const std::vector<std::byte> bytes = encode(parts);
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode(*decoded), bytes);
  EXPECT_FALSE(decode(std::span(bytes).first(bytes.size() - 1)));
  const auto base = base_of(*decoded, "file");
  EXPECT_EQ(base->path, "file");
  Parts again = parts_of(*base);
  again.path = parts.path;
  again.runs = parts.runs;
  EXPECT_EQ(encode(again), bytes);
}

struct Lie {
  const char* rule;
  std::function<void(Parts&)> tell;
};

// One lie for each field.
const Lie kLies[] = {
    {"it asks for features that there are not", [](Parts& parts) { parts.features |= 1u << 20; }},
    {"it is of no time that a machine reaches", [](Parts& parts) { parts.generation = 0; }},
    {"it is of no time that a machine reaches", [](Parts& parts) { parts.generation = ~std::uint64_t{0}; }},
    {"it is of no time that a machine reaches", [](Parts& parts) { parts.elapsed_ns = ~std::uint64_t{0}; }},
    {"it has more devices than there are handles", [](Parts& parts) { parts.shared.resize(65); }},
    {"its lists of devices differ in length", [](Parts& parts) { parts.devices.pop_back(); }},
    {"its lists of devices differ in length", [](Parts& parts) { parts.constants.pop_back(); }},
    {"its lists of devices differ in length", [](Parts& parts) { parts.needs.clear(); }},
    {"its lists of devices differ in length",
     [](Parts& parts) {
       parts.shared.push_back(0);
       parts.devices.emplace_back();
       parts.constants.emplace_back();
     }},
    {"its devices are not in the order of their handles", [](Parts& parts) { parts.needs[1].handle = 3; }},
    {"its devices are not in the order of their handles", [](Parts& parts) { parts.needs[0].handle = 2; }},
    {"a device has a name that no manifest can have", [](Parts& parts) { parts.needs[1].name = name<40>("\x1b[2J"); }},
    {"a device has a name that no manifest can have", [](Parts& parts) { parts.needs[1].kind = name<20>("Block"); }},
    {"a device has a name that no manifest can have", [](Parts& parts) { parts.needs[1].name = {}; }},
    {"a device has a name that no manifest can have", [](Parts& parts) { parts.needs[1].name.fill('a'); }},
    {"a device has a name that no manifest can have", [](Parts& parts) { parts.needs[1].name.back() = 'a'; }},
    {"a device shares more than its memory", [](Parts& parts) { parts.shared[2] = ~std::uint64_t{0}; }},
    {"a handle without a device has something", [](Parts& parts) { parts.shared[1] = 1; }},
    {"a handle without a device has something", [](Parts& parts) { parts.devices[1] = "x"; }},
    {"a handle without a device has something", [](Parts& parts) { parts.constants[1] = "x"; }},
    {"no machine has so much memory", [](Parts& parts) { parts.layout.memory += 1; }},
    {"no machine has so much memory", [](Parts& parts) { parts.layout.memory = std::uint64_t{1} << 40; }},
    {"its slide is none that an image can have", [](Parts& parts) { parts.layout.slide += kPageSize; }},
    {"its slide is none that an image can have", [](Parts& parts) { parts.layout.slide = std::uint64_t{1} << 47; }},
    {"its slide is none that an image can have",
     [](Parts& parts) { parts.layout.slide = (std::uint64_t{1} << 47) - (std::uint64_t{2} << 20); }},
    {"its image does not lie in its memory", [](Parts& parts) { parts.layout.image.start -= kPageSize; }},
    {"its image does not lie in its memory", [](Parts& parts) { parts.layout.image.start += 8; }},
    {"its image does not lie in its memory", [](Parts& parts) { parts.layout.image.end = ~std::uint64_t{4095}; }},
    {"its image does not lie in its memory", [](Parts& parts) { parts.layout.image.end = SPRY_IMAGE_MIN; }},
    {"its arguments take more than a machine has room for",
     [](Parts& parts) { parts.arguments[1] = std::string(std::size_t{64} << 10, 'x'); }},
    {"its stack does not lie in its memory", [](Parts& parts) { parts.layout.stack.start = ~std::uint64_t{0}; }},
    {"its stack does not lie in its memory", [](Parts& parts) { parts.layout.shared.end = ~std::uint64_t{0}; }},
    {"it has no stack", [](Parts& parts) { parts.layout.stack.start = parts.layout.shared.end - kPageSize; }},
    {"it has no stack", [](Parts& parts) { parts.layout.stack.start += 1; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.stack.start -= kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.stack.end += 16; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.shared.start += 8; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.shared.start = 0; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.boot.start = 0x4000; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.boot.end -= kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.probe.start -= kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.trampoline.end += kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.platform.end += kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.platform.start = 0; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.heap.start += kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.heap.end -= kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.heap.end += kPageSize; }},
    {"its parts do not lie where a machine has them", [](Parts& parts) { parts.layout.initial -= kPageSize; }},
    {"its memory is in too many pieces", [](Parts& parts) { parts.regions.resize(129); }},
    {"what its guest may do where is not what a machine allows", [](Parts& parts) { parts.regions.clear(); }},
    {"what its guest may do where is not what a machine allows",
     [](Parts& parts) { parts.regions[0].permissions |= Parts::kWrite; }},
    {"what its guest may do where is not what a machine allows",
     [](Parts& parts) { parts.regions[1].range.end -= kPageSize; }},
    {"what its guest may do where is not what a machine allows",
     [](Parts& parts) { parts.regions[1].permissions = Parts::kRead | Parts::kExecute; }},
    {"what its guest may do where is not what a machine allows",
     [](Parts& parts) { parts.regions.back().range.start += kPageSize; }},
    {"what its guest may do where is not what a machine allows", [](Parts& parts) { parts.regions.pop_back(); }},
    {"its segments overlap, or lie outside of its image",
     [](Parts& parts) { parts.regions[2].range.start -= kPageSize; }},
    {"its segments overlap, or lie outside of its image",
     [](Parts& parts) { parts.regions[3].range.start = SPRY_IMAGE_MIN; }},
    {"its segments overlap, or lie outside of its image",
     [](Parts& parts) { parts.regions[3].range.end += kPageSize; }},
    {"its segments overlap, or lie outside of its image", [](Parts& parts) { parts.regions[3].range.end -= 1; }},
    {"its segments overlap, or lie outside of its image",
     [](Parts& parts) { parts.regions[3].range.end = parts.regions[3].range.start; }},
    {"a segment allows what no segment does", [](Parts& parts) { parts.regions[3].permissions |= Parts::kExecute; }},
    {"a segment allows what no segment does", [](Parts& parts) { parts.regions[3].permissions |= 8; }},
    {"its next instruction is no code", [](Parts& parts) { parts.registers.rip = 0; }},
    {"its next instruction is no code", [](Parts& parts) { parts.registers.rip = kSlide + kImageEnd - 8; }},
    {"its next instruction is no code", [](Parts& parts) { parts.registers.rip |= std::uint64_t{1} << 63; }},
    {"its flags are none of a guest's", [](Parts& parts) { parts.registers.rflags |= x86::RFLAGS_IOPL3; }},
    {"its flags are none of a guest's", [](Parts& parts) { parts.registers.rflags = 0; }},
    {"a segment register is no guest's", [](Parts& parts) { parts.segments[0].selector = x86::kUserCode; }},
    {"a segment register is no guest's", [](Parts& parts) { parts.segments[1].selector = 0x10003; }},
    {"a segment register is no guest's", [](Parts& parts) { parts.segments[2].base = std::uint64_t{1} << 50; }},
    {"its system calls go to no code",
     [](Parts& parts) {
       parts.system_calls = {parts.registers.rip + kPageSize * 8, 16};
     }},
    {"its system calls go to no code", [](Parts& parts) { parts.system_calls.stack = 16; }},
    {"its system calls go to no code",
     [](Parts& parts) {
       parts.system_calls = {1, 16};
     }},
    {"its system calls have no stack",
     [](Parts& parts) {
       parts.system_calls = {parts.registers.rip, parts.layout.boot.start + kSlide + 64};
     }},
    {"its system calls have no stack",
     [](Parts& parts) {
       parts.system_calls = {parts.registers.rip, parts.layout.stack.end + kSlide - 8};
     }},
    {"its vector registers are none of a guest's", [](Parts& parts) { parts.vectors[26] = std::byte{1}; }},
    {"its vector registers are none of a guest's", [](Parts& parts) { parts.vectors[500] = std::byte{1}; }},
    {"its vector registers are none of a guest's", [](Parts& parts) { parts.vectors[513] |= std::byte{2}; }},
    {"its vector registers are none of a guest's", [](Parts& parts) { parts.vectors[520] = std::byte{1}; }},
    {"its memory's pages are not in order", [](Parts& parts) { std::swap(parts.runs[0], parts.runs[1]); }},
    {"its memory's pages are not in order", [](Parts& parts) { parts.runs[1].range.start = parts.layout.boot.start; }},
    {"its memory's pages are not in order", [](Parts& parts) { parts.runs[0].range.start = 0x5000; }},
    {"its memory's pages are not in order", [](Parts& parts) { parts.runs[1].range.end -= 1; }},
    {"its memory's pages are not in order",
     [](Parts& parts) { parts.runs[1].range.end = parts.layout.memory + kPageSize; }},
    {"it has no boot page", [](Parts& parts) { parts.runs.erase(parts.runs.begin()); }},
    {"its memory's pages do not lie in the file where they belong", [](Parts& parts) { parts.runs[0].offset = 0; }},
    {"its memory's pages do not lie in the file where they belong",
     [](Parts& parts) { parts.runs[1].offset -= kPageSize; }},
    {"it covers other memory than it has", [](Parts& parts) { parts.covered = 0; }},
    {"it covers other memory than it has", [](Parts& parts) { parts.covered += kPageSize; }},
};

TEST(SnapshotParts, ThatNoMachineHasWrittenAreRefused) {
  for (const Lie& lie : kLies) {
    Parts parts = sound();
    const std::uint64_t end = end_of(parts);
    lie.tell(parts);
    const char* const rule = contradiction(parts, kStart, parts.runs.size() == 2 ? end_of(parts) : end);
    EXPECT_STREQ(rule, lie.rule) << "lie " << (&lie - kLies);
  }
  const Parts parts = sound();
  for (const std::uint64_t end : {end_of(parts) - kPageSize, end_of(parts) + 1}) {
    EXPECT_STREQ(contradiction(parts, kStart, end), "its memory's pages do not lie in the file where they belong");
  }
  Parts none = sound();
  none.runs.clear();
  EXPECT_STREQ(contradiction(none, kStart, kStart), "it has no boot page");
}

// Opmasks lie at different places on different CPUs, and AVX's registers at the same place on all.
TEST(SnapshotParts, SayWhereTheirVectorRegistersLie) {
  Parts parts = sound();
  EXPECT_EQ(places_here({parts.vectors}), (std::array<XsavePart, Parts::kXsaveParts>{}));
  parts.vectors[x86::XSAVE_HEADER] |= std::byte{4};
  EXPECT_EQ(places_here({parts.vectors})[2], (XsavePart{576, 256}));
}

}  // namespace
}  // namespace spry
