#include "tool/cost.h"

namespace spry::bench {
namespace {

TEST(BreakEven, IsThePapersForThePapersPrices) { EXPECT_NEAR(break_even({}), 125.23, 0.005); }

TEST(BreakEven, FollowsThePrices) {
  EXPECT_DOUBLE_EQ(break_even({.hourly = 3600, .per_action = 1}), 1);
  EXPECT_DOUBLE_EQ(break_even({.hourly = 3600, .per_action = 0.5}), 2);
}

}  // namespace
}  // namespace spry::bench
