#include "text/units.h"

#include <gtest/gtest.h>

#include <limits>

#include "text/format.h"

namespace spry {
namespace {

std::string size_error(std::string_view text) {
  const Result<std::uint64_t> size = parse_size("--memory", text);
  return size ? "no error" : size.error().message;
}

std::string duration_error(std::string_view text) {
  const Result<std::chrono::nanoseconds> duration = parse_duration("--deadline", text);
  return duration ? "no error" : duration.error().message;
}

TEST(Size, KnowsItsSuffixes) {
  EXPECT_EQ(parse_size("", "0").value(), 0u);
  EXPECT_EQ(parse_size("", "4096").value(), 4096u);
  EXPECT_EQ(parse_size("", "007").value(), 7u);
  EXPECT_EQ(parse_size("", "3K").value(), 3u << 10);
  EXPECT_EQ(parse_size("", "3KiB").value(), 3u << 10);
  EXPECT_EQ(parse_size("", "16M").value(), 16u << 20);
  EXPECT_EQ(parse_size("", "16MiB").value(), 16u << 20);
  EXPECT_EQ(parse_size("", "1G").value(), 1u << 30);
  EXPECT_EQ(parse_size("", "1GiB").value(), 1u << 30);
}

TEST(Size, RefusesEverythingElse) {
  for (const char* text : {"", "8foo", "M", "KiB", "-1", "+1", " 1", "1 ", "1 M", "1.5M", "0x10", "1k", "1m", "1KB",
                           "1T", "1MiBx", "1e3", "1,000"}) {
    EXPECT_NE(size_error(text).find(" is not a size: digits, then K, M or G if wanted"), std::string::npos) << text;
  }
  EXPECT_EQ(size_error("8foo"), "--memory: \"8foo\" is not a size: digits, then K, M or G if wanted");
  EXPECT_EQ(size_error("1\x1b"), "--memory: \"1\\x1b\" is not a size: digits, then K, M or G if wanted");
}

TEST(Size, DoesNotOverflow) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(parse_size("", "18446744073709551615").value(), kMost);
  EXPECT_EQ(parse_size("", "17179869183G").value(), kMost - ((std::uint64_t{1} << 30) - 1));
  for (const char* text :
       {"18446744073709551616", "17179869184G", "99999999999999999999999999", "18014398509481984K"}) {
    EXPECT_NE(size_error(text).find("is more than 64 bits can count"), std::string::npos) << text;
  }
}

TEST(Count, IsFromOneToItsLargest) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(parse_count("", "1", 1024).value(), 1u);
  EXPECT_EQ(parse_count("", "1024", 1024).value(), 1024u);
  EXPECT_EQ(parse_count("", "0000000000000000000000000007", 1024).value(), 7u);
  EXPECT_EQ(parse_count("", "18446744073709551615", kMost).value(), kMost);
  for (const char* text : {"", "0", "00", "1025", "-1", "+1", " 1", "1 ", "1K", "1.0", "0x1", "1e3", "one",
                           "18446744073709551616", "18446744073709551617", "99999999999999999999999999"}) {
    const Result<std::uint64_t> count = parse_count("pool: --workers", text, 1024);
    ASSERT_FALSE(count) << text;
    EXPECT_EQ(count.error().message, fmt::format("pool: --workers: \"{}\" is not a number from 1 to 1024", text));
  }
  EXPECT_EQ(parse_count("--n", "1\x1b", 2).error().message, "--n: \"1\\x1b\" is not a number from 1 to 2");
  EXPECT_FALSE(parse_count("--n", "18446744073709551616", kMost)) << "overflow is no small number";
}

TEST(Duration, KnowsItsUnits) {
  EXPECT_EQ(parse_duration("", "1ns").value().count(), 1);
  EXPECT_EQ(parse_duration("", "20us").value().count(), 20'000);
  EXPECT_EQ(parse_duration("", "250ms").value().count(), 250'000'000);
  EXPECT_EQ(parse_duration("", "1s").value().count(), 1'000'000'000);
  EXPECT_EQ(parse_duration("", "2m").value().count(), 120'000'000'000);
}

TEST(Duration, TakesFractionsDownToANanosecond) {
  EXPECT_EQ(parse_duration("", "1.5s").value().count(), 1'500'000'000);
  EXPECT_EQ(parse_duration("", "0.000000001s").value().count(), 1);
  EXPECT_EQ(parse_duration("", "0.1m").value().count(), 6'000'000'000);
  EXPECT_EQ(parse_duration("", "1.0ns").value().count(), 1);
  EXPECT_EQ(parse_duration("", "2.50000000000000000000us").value().count(), 2'500);
  for (const char* text : {"1.5ns", "0.0000000001s", "0.0001us", "0.000000000001m"}) {
    EXPECT_NE(duration_error(text).find("is finer than a nanosecond"), std::string::npos) << text;
  }
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "1", "s", "-1s", "+1s", " 1s", "1s ", "1 s", ".5s", "1.s", "1..5s", "1.5", "1sec", "1h",
                           "1S", "0x1s", "1e3s", "1,5s"}) {
    EXPECT_NE(duration_error(text).find(" is not a duration: digits, then ns, us, ms, s or m"), std::string::npos)
        << text;
  }
}

TEST(Duration, DoesNotOverflow) {
  EXPECT_EQ(parse_duration("", "9223372036854775807ns").value().count(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_duration("", "9223372036.854775807s").value().count(), std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"9223372036854775808ns", "9223372036.854775808s", "18446744073709551616ns",
                           "18446744073709551615m", "99999999999999999999999s"}) {
    EXPECT_NE(duration_error(text).find("is longer than 292 years"), std::string::npos) << text;
  }
}

TEST(Duration, RefusesZero) {
  EXPECT_EQ(duration_error("0s"), "--deadline: 0s is no time at all");
  EXPECT_EQ(duration_error("0.000ms"), "--deadline: 0.000ms is no time at all");
}

}  // namespace
}  // namespace spry
