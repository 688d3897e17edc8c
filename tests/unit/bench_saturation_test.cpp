#include "tool/saturation.h"

namespace spry::bench {
namespace {

LoadResult rate_of(std::size_t due, std::size_t ended) {
  LoadResult result;
  result.due = due;
  result.ended = ended;
  result.arrived = static_cast<double>(due);
  result.achieved = static_cast<double>(ended);
  return result;
}

TEST(Sustained, AllowsForWhatIsInFlightAtTheEnd) {
  EXPECT_TRUE(is_sustained(rate_of(1000, 1000)));
  EXPECT_TRUE(is_sustained(rate_of(1000, 950)));
  EXPECT_FALSE(is_sustained(rate_of(1000, 949)));
  EXPECT_TRUE(is_sustained(rate_of(10, 7)));
  EXPECT_FALSE(is_sustained(rate_of(10, 6)));
}

TEST(Sustained, IsNothingThatFails) {
  LoadResult result = rate_of(1000, 1000);
  result.failures = 1;
  EXPECT_FALSE(is_sustained(result));
}

TEST(Generator, IsTheBottleneckIfTheTimeIsItsLag) {
  LoadResult result = rate_of(1000, 500);
  result.hello = result.end = {100, 100, 100};
  result.lag = {60, 60, 60};
  EXPECT_TRUE(is_generator_bound(result));
  result.lag = {40, 40, 40};
  EXPECT_FALSE(is_generator_bound(result));
  EXPECT_TRUE(is_lag_heavy(result));
  result.lag = {1, 1, 1};
  EXPECT_FALSE(is_lag_heavy(result));
}

TEST(Generator, IsNoBottleneckOfARateThatIsSustained) {
  LoadResult result = rate_of(1000, 1000);
  result.end = result.lag = result.hello = {100};
  EXPECT_FALSE(is_generator_bound(result));
  EXPECT_TRUE(is_lag_heavy(result));
}

// A system that serves `capacity` a second and no more.
Step fake(double capacity) {
  return [capacity](double rate) {
    const double achieved = std::min(rate, capacity);
    LoadResult result = rate_of(static_cast<std::size_t>(rate), static_cast<std::size_t>(achieved));
    result.offered = rate;
    return result;
  };
}

TEST(Climb, FindsTheMaximumAndStops) {
  const Climb found = climb(1000, fake(1050));
  EXPECT_TRUE(found.saturated);
  EXPECT_FALSE(found.generator_bound);
  EXPECT_DOUBLE_EQ(found.maximum, 1050);
  // 1100 is still within 5 %; 1250 and 1500 are not.
  ASSERT_EQ(found.steps.size(), 10u);
  EXPECT_DOUBLE_EQ(found.steps.front().offered, 100);
  EXPECT_DOUBLE_EQ(found.steps.back().offered, 1500);
}

TEST(Climb, GoesFarBeyondAnEstimateThatIsTooLow) {
  const Climb found = climb(1000, fake(2500));
  EXPECT_TRUE(found.saturated);
  EXPECT_DOUBLE_EQ(found.maximum, 2500);
}

TEST(Climb, SaysThatItDidNotSaturate) {
  const Climb found = climb(1000, fake(1e9));
  EXPECT_FALSE(found.saturated);
  EXPECT_DOUBLE_EQ(found.maximum, 4000);
}

TEST(Climb, ForgivesOneBadRate) {
  unsigned calls = 0;
  const Step good = fake(1000);
  const Climb found = climb(1000, [&](double rate) { return ++calls == 3 ? rate_of(1000, 1) : good(rate); });
  EXPECT_TRUE(found.saturated);
  EXPECT_DOUBLE_EQ(found.maximum, 1000);
}

}  // namespace
}  // namespace spry::bench
