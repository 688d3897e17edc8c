// Ticks to nanoseconds: as accurate as a factor of 32 bits can be, for any TSC.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "platform/guest_tsc.h"
#include "system/clock.h"

namespace spry {
namespace {

__extension__ typedef unsigned __int128 uint128;

// As guests compute it (abi.h).
std::uint64_t nanoseconds(const GuestTsc& scale, std::uint64_t ticks) {
  return static_cast<std::uint64_t>(static_cast<uint128>(ticks) * scale.mult >> scale.shift);
}

void expect_accurate(std::uint32_t khz) {
  const GuestTsc scale = host_tsc(khz);
  ASSERT_LT(scale.shift, 64u);
  ASSERT_GT(scale.mult, 0u);
  // An hour of ticks never gives too many nanoseconds, and at most 5 in 10^9 too few.
  const std::uint64_t ticks = std::uint64_t{khz} * 1000 * 3600;
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  const std::uint64_t got = nanoseconds(scale, ticks);
  EXPECT_LE(got, kHour) << khz;
  EXPECT_GE(got, kHour - 18'000) << khz;
}

TEST(HostTsc, IsAccurateForEveryFrequency) {
  for (std::uint32_t khz = 1; khz <= 10'000; ++khz) expect_accurate(khz);
  for (double khz = 10'000; khz <= 10'000'000; khz *= 1.001) expect_accurate(static_cast<std::uint32_t>(khz));
  for (const std::uint32_t khz : {999'999u, 1'000'000u, 1'000'001u, 2'445'432u, 10'000'000u}) expect_accurate(khz);
}

TEST(HostTsc, IsExactWhereItCanBe) {
  EXPECT_EQ(nanoseconds(host_tsc(1'000'000), 123'456'789), 123'456'789u);
  EXPECT_EQ(nanoseconds(host_tsc(500'000), 1'000'000), 2'000'000u);
  EXPECT_EQ(nanoseconds(host_tsc(2'000'000), 4'000'000'000), 2'000'000'000u);
}

TEST(HostTsc, NeverGoesBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const GuestTsc scale = host_tsc(static_cast<std::uint32_t>(1 + random() % 10'000'000));
    const std::uint64_t ticks = random() >> 8;
    EXPECT_LE(nanoseconds(scale, ticks), nanoseconds(scale, ticks + 1 + random() % 10));
  }
}

// For example: a guest whose clock is at 12 s on a host that has been up for 4 s.
TEST(HostClocks, ReachBeforeTheirBeginningAndNotBeyondTheirEnd) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(host_time(5, 0), 5u);
  EXPECT_EQ(host_time(5, 7), 12u);
  EXPECT_EQ(host_time(-8, 0), 0u);
  EXPECT_EQ(host_time(-8, 7), 0u);
  EXPECT_EQ(host_time(-8, 12), 4u);
  for (const std::int64_t epoch : {std::int64_t{-8}, std::int64_t{0}, std::int64_t{5}, kLast}) {
    EXPECT_LE(host_time(epoch, UINT64_MAX), static_cast<std::uint64_t>(kLast)) << epoch;
    EXPECT_GE(host_time(epoch, UINT64_MAX), static_cast<std::uint64_t>(kLast)) << epoch;
  }
}

TEST(HostClocks, AreTheHosts) {
  const std::uint64_t before = host_monotonic_ns();
  EXPECT_LE(before, host_monotonic_ns());
  constexpr std::uint64_t kIn2020 = 1'577'836'800'000'000'000;
  EXPECT_GT(host_wall_ns(), kIn2020);
}

}  // namespace
}  // namespace spry
