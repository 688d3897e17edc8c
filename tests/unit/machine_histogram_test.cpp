// What a Histogram tells of the durations that it was given.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "spry/pool.h"

namespace spry {
namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// Within 1/32 of the true value, and exact below 32.
void expect_near(nanoseconds said, std::int64_t truth) {
  if (truth < 32) {
    EXPECT_EQ(said.count(), truth);
    return;
  }
  const std::int64_t off = std::max(said.count(), truth) - std::min(said.count(), truth);
  EXPECT_LE(off, truth / 32) << said.count() << " and not " << truth;
}

TEST(Histogram, EmptySaysNothing) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.largest().count(), 0);
  for (const double fraction : {0.0, 0.5, 0.999, 1.0}) EXPECT_EQ(empty.quantile(fraction).count(), 0);
}

TEST(Histogram, KnowsEachDurationToOneIn32) {
  std::vector<std::int64_t> durations;
  for (std::int64_t small = 0; small < 4200; ++small) durations.push_back(small);
  for (int power = 0; power < 63; ++power) {
    const std::int64_t at = std::int64_t{1} << power;
    durations.insert(durations.end(), {at - 1, at, at + at / 2, at + (at - 1)});
    if (power >= 5) durations.insert(durations.end(), {at + 1, at + at / 32 - 1, at + at / 32, at + at / 32 + 1});
  }
  for (const std::int64_t duration : durations) {
    SCOPED_TRACE(duration);
    // First alone, and then with a longer one, so that the answer is not cut to the largest duration.
    Histogram histogram;
    histogram.add(nanoseconds(duration));
    expect_near(histogram.quantile(1), duration);
    EXPECT_EQ(histogram.largest().count(), duration);
    histogram.add(nanoseconds(kMost));
    expect_near(histogram.quantile(0.5), duration);
    EXPECT_EQ(histogram.largest().count(), kMost);
    EXPECT_EQ(histogram.count(), 2u);
  }
}

TEST(Histogram, NothingIsLongerThanTheLargest) {
  Histogram histogram;
  histogram.add(nanoseconds(1024));
  EXPECT_EQ(histogram.quantile(1).count(), 1024);
}

TEST(Histogram, ANegativeDurationIsNone) {
  Histogram histogram;
  histogram.add(nanoseconds(-1));
  histogram.add(nanoseconds(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.quantile(1).count(), 0);
  EXPECT_EQ(histogram.largest().count(), 0);
}

TEST(Histogram, QuantilesAreThoseOfTheSortedDurations) {
  std::mt19937_64 random(7);
  std::vector<std::int64_t> durations;
  Histogram histogram;
  for (int i = 0; i < 10007; ++i) {
    const auto duration = static_cast<std::int64_t>(random() >> (1 + random() % 60));
    durations.push_back(duration);
    histogram.add(nanoseconds(duration));
  }
  std::sort(durations.begin(), durations.end());
  for (const double fraction : {0.0, 0.0001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    SCOPED_TRACE(fraction);
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(durations.size())));
    expect_near(histogram.quantile(fraction), durations[std::max<std::size_t>(rank, 1) - 1]);
  }
  EXPECT_EQ(histogram.largest().count(), durations.back());
  EXPECT_EQ(histogram.count(), durations.size());
}

TEST(Histogram, OfTwoIsThatOfAll) {
  Histogram low;
  Histogram high;
  Histogram all;
  for (int i = 0; i < 100; ++i) {
    low.add(nanoseconds(i));
    high.add(nanoseconds(1000 * i));
    all.add(nanoseconds(i));
    all.add(nanoseconds(1000 * i));
  }
  low.add(high);
  EXPECT_EQ(low.count(), 200u);
  EXPECT_EQ(low.largest(), all.largest());
  for (double fraction = 0; fraction <= 1; fraction += 0.05) {
    EXPECT_EQ(low.quantile(fraction), all.quantile(fraction)) << fraction;
  }
  low.add(Histogram());
  EXPECT_EQ(low.count(), 200u);
}

}  // namespace
}  // namespace spry
