// The pages that the monitor wrote to itself, and those that a platform's log names.
#include <gtest/gtest.h>

#include "memory/dirty_pages.h"

namespace spry {
namespace {

using Pages = std::vector<std::uint64_t>;

// A log in which the test says what was written, in the platform's place.
class Log final : public WriteLog {
 public:
  explicit Log(std::uint64_t memory) : bits((memory / x86::kPageSize + kBits - 1) / kBits) {}
  Result<std::span<const std::uint64_t>> fetch() override { return std::span<const std::uint64_t>(bits); }
  Result<void> forget(std::span<const std::uint64_t> chosen) override {
    ++forgotten;
    for (std::size_t i = 0; i < chosen.size(); ++i) bits[i] &= ~chosen[i];
    return {};
  }
  bool forgets_all() const override { return false; }
  ForgetCost cost() const override { return {.call = 4000, .fault = 2300}; }
  void name(std::uint64_t page) { bits[page / kBits] |= std::uint64_t{1} << page % kBits; }

  std::vector<std::uint64_t> bits;
  int forgotten = 0;
};

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
  Log log_{kMemory};
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
  // No write can be outside of memory. At most the other bits of the bitmap's last word can be set.
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

// Only pages in the platform's log can be idle. The monitor's own writes are known without that log.
TEST_F(Marked, AreNeverIdle) {
  pages_.mark({0x1000, 0x3000});
  ASSERT_TRUE(pages_.fetch(log_));
  pages_.drain([](std::uint64_t) { return true; });
  int dropped = 0;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pages_.forget_idle(log_, [&dropped](Range) { ++dropped; }));
  EXPECT_EQ(dropped, 0);
}

// An idle page is forgotten once comparing it has cost as much as forgetting it: neither at once nor never.
TEST_F(Marked, IdlePagesAreForgottenWhenThatPays) {
  log_.name(3);
  log_.name(4);
  log_.name(9);
  std::vector<Range> dropped;
  int resets = 0;
  while (dropped.empty() && resets < 1000) {
    ++resets;
    ASSERT_TRUE(pages_.fetch(log_));
    pages_.drain([](std::uint64_t page) { return page != 9 * x86::kPageSize; });
    ASSERT_TRUE(pages_.forget_idle(log_, [&dropped](Range run) { dropped.push_back(run); }));
  }
  EXPECT_GT(resets, 5);
  EXPECT_LT(resets, 100);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].start, 0x3000u);
  EXPECT_EQ(dropped[0].end, 0x5000u);
  EXPECT_EQ(log_.forgotten, 1);
  EXPECT_EQ(drained(), (Pages{0x9000})) << "what changes stays";
}

}  // namespace
}  // namespace spry
