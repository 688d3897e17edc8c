// The guest library's heap, against a model that knows what each piece of memory must hold.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "heap.h"

void heap_corrupt(const char* message) {
  std::fprintf(stderr, "%s\n", message);
  std::exit(1);
}

namespace {

class GuestHeap : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 4 << 20;

  GuestHeap() {
    map_ = static_cast<unsigned char*>(
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    EXPECT_NE(map_, MAP_FAILED);
    heap_initialize(&heap_, reinterpret_cast<std::uintptr_t>(map_), reinterpret_cast<std::uintptr_t>(map_) + kSize);
  }
  ~GuestHeap() override { munmap(map_, kSize); }

  unsigned char* allocate(std::size_t size, std::size_t alignment = HEAP_ALIGNMENT) {
    return static_cast<unsigned char*>(heap_allocate(&heap_, size, alignment));
  }

  std::size_t resident_pages() const {
    std::vector<unsigned char> pages(kSize / 4096);
    EXPECT_EQ(mincore(map_, kSize, pages.data()), 0);
    return static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return p & 1; }));
  }

  unsigned char* map_ = nullptr;
  heap heap_ = {};
};

using GuestHeapDeathTest = GuestHeap;

TEST_F(GuestHeap, PiecesAreAlignedApartAndInside) {
  std::vector<std::pair<unsigned char*, std::size_t>> pieces;
  for (std::size_t size = 0; size < 400; size++) {
    unsigned char* memory = allocate(size);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % HEAP_ALIGNMENT, 0u);
    EXPECT_GE(memory, map_);
    EXPECT_LE(memory + size, map_ + kSize);
    EXPECT_GE(heap_usable_size(&heap_, memory), size);
    pieces.emplace_back(memory, heap_usable_size(&heap_, memory));
  }
  std::sort(pieces.begin(), pieces.end());
  for (std::size_t i = 1; i < pieces.size(); i++) {
    EXPECT_LE(pieces[i - 1].first + pieces[i - 1].second, pieces[i].first);
  }
}

TEST_F(GuestHeap, TouchesNothingUntilUsed) {
  EXPECT_EQ(resident_pages(), 0u);
  ASSERT_NE(allocate(100), nullptr);
  EXPECT_EQ(resident_pages(), 1u);
  ASSERT_NE(allocate(2 << 20), nullptr);
  EXPECT_EQ(resident_pages(), 1u);
  ASSERT_NE(heap_allocate_zeroed(&heap_, 1 << 20), nullptr);  // touches one header, and no memory that is zero
  EXPECT_EQ(resident_pages(), 2u);
}

TEST_F(GuestHeap, ZeroedMemoryIsZeroAlsoWhereItWasUsed) {
  unsigned char* first = allocate(100000);
  unsigned char* barrier = allocate(16);
  std::memset(first, 0xee, 100000);
  heap_free(&heap_, first);
  auto* zeroed = static_cast<unsigned char*>(heap_allocate_zeroed(&heap_, 90000));
  EXPECT_EQ(zeroed, first);
  EXPECT_TRUE(std::all_of(zeroed, zeroed + 90000, [](unsigned char byte) { return byte == 0; }));
  std::memset(zeroed, 0xee, 90000);
  heap_free(&heap_, barrier);
  heap_free(&heap_, zeroed);
  // Now the top is low again: a block there has partly used, partly new memory.
  zeroed = static_cast<unsigned char*>(heap_allocate_zeroed(&heap_, 200000));
  EXPECT_TRUE(std::all_of(zeroed, zeroed + 200000, [](unsigned char byte) { return byte == 0; }));
}

TEST_F(GuestHeap, ExhaustionGivesNullAndHarmsNothing) {
  std::vector<unsigned char*> pieces;
  while (unsigned char* memory = allocate(10000)) {
    std::memset(memory, static_cast<int>(pieces.size()), 10000);
    pieces.push_back(memory);
  }
  EXPECT_GT(pieces.size() * 10000, kSize * 95 / 100);
  for (std::size_t i = 0; i < pieces.size(); i++) {
    EXPECT_EQ(pieces[i][0], static_cast<unsigned char>(i));
    EXPECT_EQ(pieces[i][9999], static_cast<unsigned char>(i));
    heap_free(&heap_, pieces[i]);
  }
  EXPECT_NE(allocate(kSize - 4096), nullptr) << "freed pieces did not join";
}

TEST_F(GuestHeap, FreedInAnyOrderEverythingJoins) {
  std::mt19937 random(7);
  std::vector<unsigned char*> pieces;
  for (int i = 0; i < 1000; i++) {
    pieces.push_back(allocate(random() % 3000));
  }
  std::shuffle(pieces.begin(), pieces.end(), random);
  for (unsigned char* memory : pieces) {
    heap_free(&heap_, memory);
  }
  EXPECT_EQ(heap_.top, heap_.start);
  EXPECT_EQ(heap_.used_rows, 0u);
}

TEST_F(GuestHeap, ImpossibleSizesGiveNull) {
  for (std::size_t size : {kSize, kSize * 2, SIZE_MAX / 2, SIZE_MAX - 100, SIZE_MAX - 16, SIZE_MAX - 1, SIZE_MAX}) {
    EXPECT_EQ(allocate(size), nullptr) << size;
    EXPECT_EQ(allocate(size, 4096), nullptr) << size;
    EXPECT_EQ(heap_allocate_zeroed(&heap_, size), nullptr) << size;
  }
  EXPECT_EQ(allocate(1, std::size_t{1} << 63), nullptr);
  EXPECT_EQ(allocate(1, std::size_t{1} << 40), nullptr);
  unsigned char* memory = allocate(100);
  std::memset(memory, 0x5a, 100);
  EXPECT_EQ(heap_reallocate(&heap_, memory, SIZE_MAX - 15), nullptr);
  EXPECT_EQ(heap_reallocate(&heap_, memory, kSize), nullptr);
  EXPECT_EQ(memory[99], 0x5a);
  EXPECT_EQ(allocate(kSize - 4096), map_ + 144);
}

TEST_F(GuestHeap, AlignedPieces) {
  std::vector<unsigned char*> pieces;
  for (std::size_t alignment = 1; alignment <= 65536; alignment *= 2) {
    for (std::size_t size : {0u, 1u, 16u, 100u, 5000u}) {
      unsigned char* memory = allocate(size, alignment);
      ASSERT_NE(memory, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0u);
      std::memset(memory, 0xff, size);
      pieces.push_back(memory);
    }
  }
  for (unsigned char* memory : pieces) {
    heap_free(&heap_, memory);
  }
  EXPECT_EQ(heap_.top, heap_.start);
}

TEST_F(GuestHeap, ReallocationGrowsInPlaceAtTheTopAndIntoFreeNeighbours) {
  unsigned char* first = allocate(100);
  EXPECT_EQ(heap_reallocate(&heap_, first, 100000), first);
  unsigned char* second = allocate(5000);
  unsigned char* third = allocate(16);
  heap_free(&heap_, second);
  EXPECT_EQ(heap_reallocate(&heap_, first, 103000), first);
  unsigned char* moved = static_cast<unsigned char*>(heap_reallocate(&heap_, first, 300000));
  EXPECT_GT(moved, third);
  EXPECT_EQ(heap_reallocate(&heap_, moved, 10), moved);
  EXPECT_LT(heap_usable_size(&heap_, moved), 64u);
}

// A small heap, so that it is often full, and few pieces of very different sizes, so that all neighbours occur.
TEST_F(GuestHeap, RandomOperationsAgreeWithTheModel) {
  struct Piece {
    std::size_t size;
    unsigned char filler;
  };
  std::mt19937 random(20);
  std::map<unsigned char*, Piece> pieces;
  std::size_t refused = 0;
  const auto fill = [&](unsigned char* memory, std::size_t size) {
    const auto filler = static_cast<unsigned char>(random());
    std::memset(memory, filler, size);
    pieces[memory] = {size, filler};
    const auto next = pieces.upper_bound(memory);
    ASSERT_TRUE(next == pieces.end() || memory + size <= next->first) << "pieces overlap";
  };
  const auto holds = [](const unsigned char* memory, std::size_t size, unsigned char filler) {
    return std::all_of(memory, memory + size, [=](unsigned char byte) { return byte == filler; });
  };
  for (int step = 0; step < 60000; step++) {
    const std::size_t size = random() % (std::size_t{1} << (random() % 19));
    const unsigned operation = random() % 8;
    auto chosen = pieces.begin();
    if (!pieces.empty()) {
      std::advance(chosen, static_cast<std::ptrdiff_t>(random() % pieces.size()));
    }
    if (operation < 3 || pieces.empty()) {
      const std::size_t alignment = operation == 0 ? std::size_t{1} << (random() % 14) : HEAP_ALIGNMENT;
      if (unsigned char* memory = allocate(size, alignment)) {
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0u);
        ASSERT_TRUE(memory >= map_ && memory + size <= map_ + kSize);
        fill(memory, size);
      } else {
        refused++;
      }
    } else if (operation == 3) {
      if (auto* memory = static_cast<unsigned char*>(heap_allocate_zeroed(&heap_, size))) {
        ASSERT_TRUE(holds(memory, size, 0)) << "step " << step;
        fill(memory, size);
      } else {
        refused++;
      }
    } else if (operation < 6) {
      const Piece piece = chosen->second;
      auto* memory = static_cast<unsigned char*>(heap_reallocate(&heap_, chosen->first, size));
      if (memory != nullptr) {
        ASSERT_TRUE(holds(memory, std::min(size, piece.size), piece.filler)) << "step " << step;
        pieces.erase(chosen);
        fill(memory, size);
      } else {
        refused++;
        ASSERT_TRUE(holds(chosen->first, piece.size, piece.filler));
      }
    } else {
      ASSERT_TRUE(holds(chosen->first, chosen->second.size, chosen->second.filler)) << "step " << step;
      heap_free(&heap_, chosen->first);
      pieces.erase(chosen);
    }
    if (HasFatalFailure()) {
      return;
    }
  }
  EXPECT_GT(refused, 100u) << "the heap was never full: the test is too easy";
  for (const auto& [memory, piece] : pieces) {
    ASSERT_TRUE(holds(memory, piece.size, piece.filler));
    heap_free(&heap_, memory);
  }
  EXPECT_EQ(heap_.top, heap_.start);
  EXPECT_EQ(heap_.used_rows, 0u);
}

TEST_F(GuestHeap, NoMemoryAtAll) {
  heap empty = {};
  heap_initialize(&empty, 0x1008, 0x100f);
  EXPECT_EQ(heap_allocate(&empty, 0, HEAP_ALIGNMENT), nullptr);
  EXPECT_EQ(heap_allocate(&empty, 1, 4096), nullptr);
}

TEST_F(GuestHeapDeathTest, FindsDoubleFree) {
  unsigned char* first = allocate(100);
  unsigned char* second = allocate(100);
  allocate(100);
  heap_free(&heap_, first);
  EXPECT_EXIT(heap_free(&heap_, first), testing::ExitedWithCode(1), "free already");
  heap_free(&heap_, second);  // joins the first, so that its header is gone
  EXPECT_EXIT(heap_free(&heap_, second), testing::ExitedWithCode(1), "free already");
  unsigned char* last = allocate(100000);
  heap_free(&heap_, last);  // above the top
  EXPECT_EXIT(heap_free(&heap_, last), testing::ExitedWithCode(1), "free already");
}

TEST_F(GuestHeapDeathTest, FindsWhatIsNotTheHeaps) {
  unsigned char* memory = allocate(100);
  unsigned char local[64];
  EXPECT_EXIT(heap_free(&heap_, memory + 8), testing::ExitedWithCode(1), "not the heap's");
  EXPECT_EXIT(heap_free(&heap_, local), testing::ExitedWithCode(1), "not the heap's");
  EXPECT_EXIT(heap_free(&heap_, map_), testing::ExitedWithCode(1), "not the heap's");
  EXPECT_EXIT(heap_free(&heap_, map_ + kSize - 16), testing::ExitedWithCode(1), "not the heap's");
}

TEST_F(GuestHeapDeathTest, FindsOverflow) {
  unsigned char* first = allocate(96);
  allocate(96);
  std::memset(first, 'A', 96 + 4);
  EXPECT_EXIT(heap_free(&heap_, first), testing::ExitedWithCode(1), "past the end");
}

TEST_F(GuestHeapDeathTest, FindsUnderflow) {
  allocate(96);
  unsigned char* second = allocate(96);
  std::memset(second - 16, 'A', 4);
  EXPECT_EXIT(heap_free(&heap_, second), testing::ExitedWithCode(1), "in front");
}

TEST_F(GuestHeapDeathTest, FindsWritesAfterFree) {
  unsigned char* first = allocate(96);
  allocate(96);
  heap_free(&heap_, first);
  std::memset(first, 'A', 16);
  EXPECT_EXIT(allocate(96), testing::ExitedWithCode(1), "after it was freed");
}

}  // namespace
