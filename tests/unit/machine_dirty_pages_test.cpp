// The pages that the monitor wrote to itself, without KVM's log: there is no slot.
#include <gtest/gtest.h>

#include "memory/dirty_pages.h"

namespace spry {
namespace {

using Pages = std::vector<std::uint64_t>;

class Marked : public testing::Test {
 protected:
  // The addresses that a drain visits, in its order.
  Pages drained() {
    EXPECT_TRUE(pages_.fetch(log_));
    Pages visited;
    pages_.drain([&visited](std::uint64_t page) {
      visited.push_back(page);
      return false;
    });
    return visited;
  }

  static constexpr std::uint64_t kMemory = 200 * x86::kPageSize;
  Vm vm_{Descriptor(), 0};
  WriteLog log_{vm_, {}, nullptr};
  DirtyPages pages_{kMemory};
};

TEST_F(Marked, NothingIsNoPage) {
  EXPECT_TRUE(pages_.enabled());
  EXPECT_FALSE(DirtyPages().enabled());
  EXPECT_EQ(drained(), Pages{});
  pages_.mark({0x5000, 0x5000});
  pages_.mark({kMemory + 0x100000, kMemory + 0x200000});
  EXPECT_EQ(drained(), Pages{});
}

TEST_F(Marked, EachPageThatARangeTouches) {
  pages_.mark({0x1fff, 0x2001});
  EXPECT_EQ(drained(), (Pages{0x1000, 0x2000}));
  pages_.mark({0x1000, 0x2000});
  EXPECT_EQ(drained(), (Pages{0x1000}));
  pages_.mark({0, 1});
  EXPECT_EQ(drained(), (Pages{0}));
}

TEST_F(Marked, AreForgottenWhenTheyAreDrained) {
  pages_.mark({0x3000, 0x4000});
  EXPECT_EQ(drained(), (Pages{0x3000}));
  EXPECT_EQ(drained(), Pages{});
}

TEST_F(Marked, ComeOnceAndInAscendingOrder) {
  pages_.mark({0x80000, 0x80001});
  pages_.mark({0x1000, 0x1001});
  pages_.mark({0x1800, 0x1900});
  pages_.mark({63 * x86::kPageSize, 65 * x86::kPageSize});
  EXPECT_EQ(drained(), (Pages{0x1000, 0x3f000, 0x40000, 0x80000}));
}

TEST_F(Marked, LastPageAndBeyond) {
  pages_.mark({kMemory - 1, kMemory});
  EXPECT_EQ(drained(), (Pages{kMemory - x86::kPageSize}));
  // No write is outside of memory; the bits up to the last word's end are all that there could be.
  pages_.mark({kMemory - 1, kMemory + (std::uint64_t{1} << 30)});
  const Pages visited = drained();
  ASSERT_FALSE(visited.empty());
  EXPECT_EQ(visited.front(), kMemory - x86::kPageSize);
  EXPECT_LT(visited.back(), 256 * x86::kPageSize);
}

TEST_F(Marked, AllOfMemory) {
  pages_.mark({0, kMemory});
  const Pages visited = drained();
  ASSERT_EQ(visited.size(), 200u);
  for (std::size_t i = 0; i < visited.size(); ++i) EXPECT_EQ(visited[i], i * x86::kPageSize);
}

TEST_F(Marked, ClearForgetsThem) {
  pages_.mark({0x1000, 0x90000});
  EXPECT_TRUE(pages_.clear(log_));
  EXPECT_EQ(drained(), Pages{});
}

// Only what is in KVM's log can be idle: what the monitor wrote is seen without it.
TEST_F(Marked, AreNeverIdle) {
  pages_.mark({0x1000, 0x3000});
  ASSERT_TRUE(pages_.fetch(log_));
  pages_.drain([](std::uint64_t) { return true; });
  int dropped = 0;
  ASSERT_TRUE(pages_.clear_idle(log_, [&dropped](Range) { ++dropped; }));
  EXPECT_EQ(dropped, 0);
}

}  // namespace
}  // namespace spry
