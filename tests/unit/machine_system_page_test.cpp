// The system page as the CPU decodes it (SDM 3A 3.4.5, 6.14.1, 7.2.3, 7.7; SDM 1 19.5.2 for the I/O bitmap).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "cpu/x86.h"
#include "kvm/system_page.h"
#include "spry/abi.h"

namespace spry {
namespace {

constexpr std::uint64_t kAddress = 0x7f3a'bcde'1000;
constexpr std::uint64_t kStack = 0x7f3a'bcde'3000;

class SystemPage : public testing::Test {
 protected:
  SystemPage() { build_system_page(page_, kAddress, kStack); }

  template <class T>
  T at(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, &page_.at(offset), sizeof value);
    return value;
  }

  std::array<std::byte, x86::kPageSize> page_ = {};
};

struct Descriptor {
  std::uint32_t base, limit;
  unsigned type;  // with S as bit 4
  unsigned dpl;
  bool present, l, db, g;
};

Descriptor decode(std::uint64_t word) {
  return {.base = static_cast<std::uint32_t>((word >> 16 & 0xffffff) | (word >> 56) << 24),
          .limit = static_cast<std::uint32_t>((word & 0xffff) | (word >> 48 & 0xf) << 16),
          .type = static_cast<unsigned>(word >> 40 & 0x1f),
          .dpl = static_cast<unsigned>(word >> 45 & 3),
          .present = (word >> 47 & 1) != 0,
          .l = (word >> 53 & 1) != 0,
          .db = (word >> 54 & 1) != 0,
          .g = (word >> 55 & 1) != 0};
}

TEST_F(SystemPage, SegmentsAreFlatWithTheirPrivilege) {
  struct Row {
    std::uint16_t selector;
    unsigned dpl;
    bool code;
  };
  for (const Row& row : {Row{kKernelCode, 0, true}, Row{kKernelCode + 8, 0, false}, Row{x86::kUserData, 3, false},
                         Row{x86::kUserCode, 3, true}}) {
    const Descriptor found = decode(at<std::uint64_t>(kGdtOffset + (row.selector & ~7u)));
    EXPECT_EQ(row.selector & 3u, row.dpl) << row.selector;
    EXPECT_EQ(row.selector & 4u, 0u) << "of the GDT";
    EXPECT_LE((row.selector & ~7u) + 7u, kGdtLimit);
    EXPECT_EQ(found.base, 0u);
    EXPECT_EQ(found.limit, 0xfffffu);
    EXPECT_TRUE(found.present);
    EXPECT_TRUE(found.g);
    EXPECT_EQ(found.dpl, row.dpl);
    EXPECT_EQ(found.type, row.code ? 0x1bu : 0x13u);  // accessed, so that the CPU never writes the page
    EXPECT_EQ(found.l, row.code);
    EXPECT_EQ(found.db, !row.code);
  }
  EXPECT_EQ(at<std::uint64_t>(kGdtOffset), 0u) << "the null descriptor";
}

TEST_F(SystemPage, OtherDescriptorsAreNotPresent) {
  for (const std::uint64_t offset : {0x00u, 0x08u, 0x20u, 0x38u})
    EXPECT_EQ(at<std::uint64_t>(kGdtOffset + offset), 0u) << offset;
}

TEST_F(SystemPage, TaskStateIsBusyAndWhereTheDescriptorSays) {
  const Descriptor found = decode(at<std::uint64_t>(kGdtOffset + kTaskState));
  const std::uint64_t base = found.base | at<std::uint64_t>(kGdtOffset + kTaskState + 8) << 32;
  EXPECT_EQ(base, kAddress + kTssOffset);
  EXPECT_EQ(found.limit, kTssLimit);
  EXPECT_FALSE(found.g);
  EXPECT_TRUE(found.present);
  EXPECT_EQ(found.dpl, 0u);
  EXPECT_EQ(found.type, 0x0bu);
  EXPECT_EQ(kTaskState + 15u, kGdtLimit);
  EXPECT_EQ(at<std::uint64_t>(kTssOffset + 0x04), kStack);  // RSP0
  EXPECT_EQ(at<std::uint64_t>(kTssOffset + 0x24), kStack);  // IST1
  EXPECT_LE(kTssOffset + kTssLimit, kIdtOffset);
}

TEST_F(SystemPage, OnlyTheHypercallPortIsOpen) {
  const std::uint64_t bitmap = at<std::uint16_t>(kTssOffset + 0x66);
  // The CPU reads two bytes for each access; the one past the end is all ones.
  for (unsigned port = 0; port + 1 < 8 * (kTssLimit + 1 - bitmap); ++port) {
    const unsigned byte = at<std::uint8_t>(kTssOffset + bitmap + port / 8);
    const bool closed = (byte >> port % 8 & 1) != 0;
    EXPECT_EQ(closed, port < SPRY_HYPERCALL_PORT || port >= SPRY_HYPERCALL_PORT + 4) << port;
  }
  EXPECT_EQ(at<std::uint8_t>(kTssOffset + kTssLimit), 0xff);
  EXPECT_GT(8 * (kTssLimit - bitmap), SPRY_HYPERCALL_PORT + 4u);
}

TEST_F(SystemPage, EachVectorHasAGateThatTellsItsNumber) {
  EXPECT_EQ(kIdtLimit, 32 * 16 - 1);
  for (unsigned vector = 0; vector < x86::kVectors; ++vector) {
    const auto low = at<std::uint64_t>(kIdtOffset + 16 * vector);
    const auto high = at<std::uint64_t>(kIdtOffset + 16 * vector + 8);
    const std::uint64_t handler = (low & 0xffff) | (low >> 48 & 0xffff) << 16 | high << 32;
    EXPECT_EQ(handler, kAddress + kGatesOffset + kGateSize * vector);
    EXPECT_EQ(low >> 16 & 0xffff, kKernelCode);
    EXPECT_EQ(low >> 32 & 7, 1u) << "IST 1";
    EXPECT_EQ(low >> 35 & 0x1f, 0u);
    EXPECT_EQ(low >> 40 & 0x1f, 0x0eu) << "a 64-bit interrupt gate";
    EXPECT_EQ(low >> 47 & 1, 1u);
    const bool for_programs = vector == x86::BP || vector == x86::OF;
    EXPECT_EQ(low >> 45 & 3, for_programs ? 3u : 0u) << vector;
    EXPECT_EQ(high >> 32, 0u);

    const auto code = at<std::array<std::uint8_t, 8>>(kGatesOffset + kGateSize * vector);
    const std::array<std::uint8_t, 8> wanted = {0xe6, static_cast<std::uint8_t>(vector), 0x48, 0x83, 0xc4, 0x08, 0x48,
                                                0xcf};
    EXPECT_EQ(code, wanted) << vector;
  }
}

TEST_F(SystemPage, HoldsNothingElse) {
  const auto zero = [this](std::uint64_t from, std::uint64_t to) {
    return std::all_of(page_.begin() + static_cast<std::ptrdiff_t>(from),
                       page_.begin() + static_cast<std::ptrdiff_t>(to),
                       [](std::byte byte) { return byte == std::byte{0}; });
  };
  EXPECT_TRUE(zero(kGdtOffset + kGdtLimit + 1, kTssOffset));
  EXPECT_TRUE(zero(kTssOffset + kTssLimit + 1, kIdtOffset));
  EXPECT_TRUE(zero(kIdtOffset + kIdtLimit + 1, kGatesOffset));
  EXPECT_TRUE(zero(kGatesOffset + x86::kVectors * kGateSize, x86::kPageSize));
}

}  // namespace
}  // namespace spry
