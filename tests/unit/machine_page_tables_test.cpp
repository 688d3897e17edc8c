// Walks the tables as a CPU would (SDM 3A 4.5), and compares the result with what was asked for.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <optional>
#include <random>

#include "cpu/x86.h"
#include "kvm/page_tables.h"
#include "memory/guest_memory.h"

namespace spry {
namespace {

using namespace x86;

constexpr std::uint64_t kArea = 0x3000;  // guest-physical
constexpr std::uint64_t kKinds[] = {PTE_US | PTE_XD, PTE_US, PTE_US | PTE_RW | PTE_XD, PTE_RW | PTE_XD, 0};

struct Translation {
  std::uint64_t physical = 0;
  std::uint64_t flags = 0;  // PTE_RW, PTE_US and PTE_XD as all levels together allow
  bool large = false;
  bool operator==(const Translation&) const = default;
};

class Tables {
 public:
  explicit Tables(std::uint64_t pages)
      : memory_(*GuestMemory::reserve(pages * kPageSize)),
        area_(memory_.bytes({0, pages * kPageSize})),
        tables_(area_, kArea) {}

  PageTables* operator->() { return &tables_; }

  // 4-level translation; nothing for an absent entry.
  std::optional<Translation> walk(std::uint64_t address) const {
    std::uint64_t table = kArea;
    Translation found = {.flags = PTE_RW | PTE_US};
    for (unsigned level = 4; level >= 1; --level) {
      const std::uint64_t index = address >> (12 + 9 * (level - 1)) & 511;
      const std::uint64_t entry = word(table - kArea + 8 * index);
      if (!(entry & PTE_P)) return std::nullopt;
      EXPECT_NE(entry & PTE_A, 0u) << "the CPU would write the accessed bit";
      found.flags &= (entry & (PTE_RW | PTE_US)) | PTE_XD;
      found.flags |= entry & PTE_XD;
      const bool leaf = level == 1 || (level == 2 && (entry & PTE_PS));
      if (leaf) {
        EXPECT_NE(entry & PTE_D, 0u) << "the CPU would write the dirty bit";
        found.large = level == 2;
        const std::uint64_t size = found.large ? kLargePageSize : kPageSize;
        const std::uint64_t base = entry & 0x000ffffffffff000;
        EXPECT_EQ(base % size, 0u);
        found.physical = base + address % size;
        return found;
      }
      EXPECT_EQ(entry & PTE_PS, 0u);
      table = entry & 0x000ffffffffff000;
      EXPECT_GE(table, kArea);
      EXPECT_LT(table, kArea + area_.size());
    }
    return std::nullopt;
  }

 private:
  std::uint64_t word(std::uint64_t offset) const {
    std::uint64_t value = 0;
    std::memcpy(&value, area_.subspan(offset, sizeof value).data(), sizeof value);
    return value;
  }

  GuestMemory memory_;
  std::span<std::byte> area_;
  PageTables tables_;
};

TEST(PageTables, EmptyOnesMapNothing) {
  Tables tables(4);
  EXPECT_EQ(tables->root(), kArea);
  EXPECT_EQ(tables->used(), 1u);
  for (const std::uint64_t address : {0ull, 0x1000ull, 0x7ffffffff000ull}) EXPECT_FALSE(tables.walk(address));
}

TEST(PageTables, AnEmptyRangeMapsNothing) {
  Tables tables(4);
  EXPECT_TRUE(tables->map({0x5000, 0x5000}, 0, PTE_US));
  EXPECT_EQ(tables->used(), 1u);
}

TEST(PageTables, OnePageIsMappedAndItsNeighboursAreNot) {
  for (const std::uint64_t flags : kKinds) {
    Tables tables(4);
    ASSERT_TRUE(tables->map({0x5000, 0x6000}, 0x40000000, flags));
    EXPECT_EQ(tables.walk(0x40005abc), (Translation{0x5abc, flags, false}));
    EXPECT_FALSE(tables.walk(0x40004fff));
    EXPECT_FALSE(tables.walk(0x40006000));
    EXPECT_FALSE(tables.walk(0x5000));
    EXPECT_EQ(tables->used(), 4u);
  }
}

TEST(PageTables, WholeTwoMiBHaveLargeEntriesAndWhatIsAroundHasSmall) {
  Tables tables(8);
  ASSERT_TRUE(tables->map({0x1ff000, 0x601000}, 0, PTE_US | PTE_RW));
  EXPECT_FALSE(tables.walk(0x1fe000));
  EXPECT_FALSE(tables.walk(0x1ff000)->large);
  EXPECT_TRUE(tables.walk(0x200000)->large);
  EXPECT_TRUE(tables.walk(0x5fffff)->large);
  EXPECT_FALSE(tables.walk(0x600000)->large);
  EXPECT_FALSE(tables.walk(0x601000));
  for (std::uint64_t page = 0x1ff000; page < 0x601000; page += kPageSize) EXPECT_EQ(tables.walk(page)->physical, page);
}

TEST(PageTables, AHeapThatGrowsKeepsWhatWasThere) {
  Tables tables(40);
  const std::uint64_t flags = PTE_US | PTE_RW | PTE_XD;
  std::uint64_t start = 0x123000;
  for (std::uint64_t end = 8 << 20; end <= 1u << 30; end *= 2) {
    ASSERT_TRUE(tables->map({start, end}, 0x600000, flags));
    start = end;
  }
  for (std::uint64_t page = 0x123000; page < 1 << 30; page += 0x11000) {
    const auto found = tables.walk(page + 0x600000);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->physical, page);
    EXPECT_EQ(found->flags, flags);
  }
}

TEST(PageTables, RandomRegionsAreMappedAsWantedAndNothingElseIs) {
  std::mt19937_64 random(4096);
  for (int round = 0; round < 40; ++round) {
    Tables tables(512);
    const std::uint64_t slide = (random() % (1u << 26)) * kLargePageSize;  // below 2^47
    std::map<std::uint64_t, std::uint64_t> wanted;                         // page, flags
    std::uint64_t next = kPageSize * (random() % 600);
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t start = next + kPageSize * (random() % 3 == 0 ? 0 : random() % 700);
      const std::uint64_t end = start + kPageSize * (1 + random() % (random() % 2 ? 8 : 1500));
      const std::uint64_t flags = kKinds[random() % std::size(kKinds)];
      ASSERT_TRUE(tables->map({start, end}, slide, flags));
      for (std::uint64_t page = start; page < end; page += kPageSize) wanted[page] = flags;
      next = end;
    }
    for (std::uint64_t page = 0; page < next + 2 * kLargePageSize; page += kPageSize) {
      const auto found = tables.walk(page + slide);
      const auto asked = wanted.find(page);
      ASSERT_EQ(found.has_value(), asked != wanted.end()) << std::hex << page << " + " << slide;
      if (!found) continue;
      ASSERT_EQ(found->physical, page);
      ASSERT_EQ(found->flags, asked->second) << std::hex << page;
    }
    if (slide > next) {
      EXPECT_FALSE(tables.walk(0));
    }
    EXPECT_LE(tables->used(), 512u);
  }
}

TEST(PageTables, AFullAreaIsSaidAndNotOverrun) {
  for (std::uint64_t pages = 1; pages <= 4; ++pages) {
    Tables tables(pages);
    EXPECT_EQ(tables->map({0x5000, 0x6000}, 0, PTE_US), pages == 4) << pages;
    EXPECT_LE(tables->used(), pages);
  }
  Tables tables(6);
  // Three tables lead to the first page, one more to each further 2 MiB.
  EXPECT_TRUE(tables->map({0x5000, 0x6000}, 0, PTE_US));
  EXPECT_TRUE(tables->map({0x205000, 0x206000}, 0, PTE_US));
  EXPECT_TRUE(tables->map({0x405000, 0x406000}, 0, PTE_US));
  EXPECT_FALSE(tables->map({0x605000, 0x606000}, 0, PTE_US));
  EXPECT_EQ(tables->used(), 6u);
  EXPECT_TRUE(tables->map({0x406000, 0x407000}, 0, PTE_US));
  EXPECT_FALSE(tables->map({0x40000000, 0x40200000}, 0, PTE_US));
}

}  // namespace
}  // namespace spry
