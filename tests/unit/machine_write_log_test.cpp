// The vCPU's ring of written pages, with the test in KVM's place.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <vector>

#include "cpu/x86.h"
#include "kvm/write_log.h"

namespace spry {
namespace {

class Ring : public testing::Test {
 protected:
  static constexpr std::size_t kEntries = 4;

  static std::span<kvm_dirty_gfn> shared() {
    void* memory =
        mmap(nullptr, kEntries * sizeof(kvm_dirty_gfn), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return {static_cast<kvm_dirty_gfn*>(memory), kEntries};
  }

  // Adds an entry as KVM does; the next function takes back collected entries as KVM does.
  void written(std::uint32_t slot, std::uint64_t page) {
    kvm_dirty_gfn& entry = entries_[added_++ % kEntries];
    ASSERT_EQ(entry.flags, 0u) << "the ring is full";
    entry = {KVM_DIRTY_GFN_F_DIRTY, slot, page};
  }
  std::size_t taken_back() {
    std::size_t count = 0;
    for (kvm_dirty_gfn& entry : entries_) {
      if ((entry.flags & KVM_DIRTY_GFN_F_RESET) == 0) continue;
      entry.flags = 0;
      ++count;
    }
    return count;
  }

  std::span<kvm_dirty_gfn> entries_ = shared();
  DirtyRing ring_{entries_};
  std::size_t added_ = 0;
};

using Entries = std::vector<std::pair<std::uint32_t, std::uint64_t>>;

Entries collected(DirtyRing& ring) {
  Entries entries;
  ring.collect([&entries](std::uint32_t slot, std::uint64_t page) { entries.emplace_back(slot, page); });
  return entries;
}

TEST_F(Ring, TellsEachEntryOnceAndInOrder) {
  EXPECT_EQ(collected(ring_), Entries{});
  written(0, 7);
  written(1, 3);
  EXPECT_EQ(collected(ring_), (Entries{{0, 7}, {1, 3}}));
  EXPECT_EQ(collected(ring_), Entries{});
  written(0, 7);
  EXPECT_EQ(collected(ring_), (Entries{{0, 7}}));
}

TEST_F(Ring, IsFullUntilKvmTakesEntriesBack) {
  for (std::uint64_t page = 0; page < kEntries; ++page) written(0, page);
  EXPECT_EQ(collected(ring_).size(), kEntries);
  EXPECT_EQ(collected(ring_), Entries{}) << "what was collected is not new";
  EXPECT_EQ(taken_back(), kEntries);
  written(2, 9);
  EXPECT_EQ(collected(ring_), (Entries{{2, 9}}));
}

TEST_F(Ring, GoesOnBehindItsLastEntry) {
  for (std::uint64_t page = 0; page < 10 * kEntries; ++page) {
    written(1, page);
    ASSERT_EQ(collected(ring_), (Entries{{1, page}}));
    ASSERT_EQ(taken_back(), 1u);
  }
}

TEST_F(Ring, StaysWhereItIsWhenItIsMoved) {
  written(0, 1);
  EXPECT_EQ(collected(ring_).size(), 1u);
  DirtyRing other = std::move(ring_);
  written(0, 2);
  EXPECT_EQ(collected(other), (Entries{{0, 2}}));
}

// A page's bit is found from its slot's start and its place in the slot. Bits stay until they are forgotten.
TEST_F(Ring, SetsTheBitsOfAllMemory) {
  Vm vm{Descriptor(), 0};
  const std::vector<Range> slots = {{0, 64 * x86::kPageSize}, {64 * x86::kPageSize, 192 * x86::kPageSize}};
  KvmWriteLog log(vm, slots, &ring_, 256 * x86::kPageSize);
  written(0, 63);
  written(1, 0);
  ASSERT_TRUE(log.fetch());
  written(1, 65);
  const auto bits = log.fetch();
  ASSERT_TRUE(bits);
  EXPECT_EQ(std::vector<std::uint64_t>(bits->begin(), bits->end()),
            (std::vector<std::uint64_t>{std::uint64_t{1} << 63, 1, 2}))
      << "one word for each 64 pages that slots cover";
  EXPECT_TRUE(log.forgets_all());
  EXPECT_FALSE(KvmWriteLog(vm, slots, nullptr, 0).forgets_all());
}

}  // namespace
}  // namespace spry
