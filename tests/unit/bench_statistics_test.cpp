#include "tool/statistics.h"

namespace spry::bench {
namespace {

TEST(Percentile, InterpolatesBetweenNeighbours) {
  const std::vector<double> samples = {10, 20, 30, 40};
  EXPECT_DOUBLE_EQ(percentile(samples, 0), 10);
  EXPECT_DOUBLE_EQ(percentile(samples, 50), 25);
  EXPECT_DOUBLE_EQ(percentile(samples, 100), 40);
  EXPECT_DOUBLE_EQ(percentile(samples, 90), 37);
}

TEST(Percentile, OfOneSampleIsThatSample) {
  const std::vector<double> samples = {7};
  for (const double percent : {0.0, 1.0, 50.0, 99.0, 100.0}) EXPECT_DOUBLE_EQ(percentile(samples, percent), 7);
}

TEST(Median, SortsFirst) {
  EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
}

TEST(Summary, HasEveryFigure) {
  std::vector<double> samples;
  for (int i = 100; i >= 0; --i) samples.push_back(i);
  const Summary summary = summarize(samples);
  EXPECT_EQ(summary.count, 101u);
  EXPECT_DOUBLE_EQ(summary.minimum, 0);
  EXPECT_DOUBLE_EQ(summary.p10, 10);
  EXPECT_DOUBLE_EQ(summary.median, 50);
  EXPECT_DOUBLE_EQ(summary.p90, 90);
  EXPECT_DOUBLE_EQ(summary.p99, 99);
  EXPECT_DOUBLE_EQ(summary.maximum, 100);
  EXPECT_DOUBLE_EQ(summary.mean, 50);
}

TEST(Summary, OfNothingIsZero) {
  EXPECT_EQ(summarize({}).count, 0u);
  EXPECT_EQ(summarize({}).median, 0);
}

TEST(Quantiles, AreAHundredAndOne) {
  const std::vector<double> list = quantiles({2, 0, 1});
  ASSERT_EQ(list.size(), 101u);
  EXPECT_DOUBLE_EQ(list[0], 0);
  EXPECT_DOUBLE_EQ(list[50], 1);
  EXPECT_DOUBLE_EQ(list[75], 1.5);
  EXPECT_DOUBLE_EQ(list[100], 2);
  EXPECT_TRUE(quantiles({}).empty());
}

// The machine is three times slower in the second round, and yet the ratio of each pair is the same.
TEST(PairRatios, DoNotSeeWhatChangesBetweenRounds) {
  const std::vector<double> of = {2, 6, 2};
  const std::vector<double> over = {1, 3, 1};
  EXPECT_EQ(pair_ratios(of, over), (std::vector<double>{2, 2, 2}));
}

TEST(PairRatios, EndWithTheShorterList) {
  const std::vector<double> of = {2, 6};
  const std::vector<double> over = {1};
  EXPECT_EQ(pair_ratios(of, over), std::vector<double>{2});
}

}  // namespace
}  // namespace spry::bench
