#include "text/units.h"

#include <charconv>
#include <limits>
#include <optional>

#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

constexpr Unit kSizes[] = {{"", 1},
                           {"K", std::uint64_t{1} << 10},
                           {"M", std::uint64_t{1} << 20},
                           {"G", std::uint64_t{1} << 30},
                           {"KiB", std::uint64_t{1} << 10},
                           {"MiB", std::uint64_t{1} << 20},
                           {"GiB", std::uint64_t{1} << 30}};

constexpr Unit kDurations[] = {
    {"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}};

template <std::size_t N>
const Unit* find_unit(const Unit (&units)[N], std::string_view suffix) {
  for (const Unit& unit : units) {
    if (unit.suffix == suffix) return &unit;
  }
  return nullptr;
}

// Takes the digits at the start of `text`; nothing if there are none. `overflow` says that they exceed 64 bits.
std::optional<std::uint64_t> take_digits(std::string_view& text, bool& overflow) {
  std::size_t length = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
  if (length == 0) return std::nullopt;
  std::uint64_t value = 0;
  overflow = std::from_chars(text.data(), text.data() + length, value).ec != std::errc();
  text.remove_prefix(length);
  return value;
}

// The value in nanoseconds of the digits behind a decimal point, for a unit of `factor` nanoseconds; nothing if the
// value is no whole number of nanoseconds.
std::optional<std::uint64_t> fraction_of(std::string_view digits, std::uint64_t factor) {
  while (!digits.empty() && digits.back() == '0') digits.remove_suffix(1);
  // factor is at most 6 * 10^10 and loses a power of ten with each digit, so that the sum cannot overflow.
  std::uint64_t sum = 0;
  for (const char digit : digits) {
    if (factor % 10 != 0) return std::nullopt;
    factor /= 10;
    sum += static_cast<std::uint64_t>(digit - '0') * factor;
  }
  return sum;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view option, std::string_view text) {
  std::string_view rest = text;
  bool overflow = false;
  const std::optional<std::uint64_t> number = take_digits(rest, overflow);
  const Unit* unit = find_unit(kSizes, rest);
  if (!number || unit == nullptr) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: \"{}\" is not a size: digits, then K, M or G if wanted", option, escape(text)));
  }
  std::uint64_t size = 0;
  if (overflow || __builtin_mul_overflow(*number, unit->factor, &size)) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: {} is more than 64 bits can count", option, escape(text)));
  }
  return size;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view option, std::string_view text) {
  std::string_view rest = text;
  bool overflow = false;
  const std::optional<std::uint64_t> number = take_digits(rest, overflow);
  std::string_view fraction;
  bool well_formed = number.has_value();
  if (well_formed && rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = rest;
    bool ignored = false;
    well_formed = take_digits(rest, ignored).has_value();
    fraction.remove_suffix(rest.size());
  }
  const Unit* unit = find_unit(kDurations, rest);
  if (!well_formed || unit == nullptr) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: \"{}\" is not a duration: digits, then ns, us, ms, s or m", option, escape(text)));
  }
  const std::optional<std::uint64_t> small = fraction_of(fraction, unit->factor);
  if (!small) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: {} is finer than a nanosecond", option, escape(text)));
  }
  std::uint64_t value = 0;
  if (overflow || __builtin_mul_overflow(*number, unit->factor, &value) ||
      __builtin_add_overflow(value, *small, &value) ||
      value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: {} is longer than 292 years", option, escape(text)));
  }
  if (value == 0) {
    return fail(ErrorCode::kMonitor, fmt::format("{}: {} is no time at all", option, escape(text)));
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(value));
}

Result<std::uint64_t> parse_count(std::string_view option, std::string_view text, std::uint64_t largest) {
  std::string_view rest = text;
  bool overflow = false;
  const std::optional<std::uint64_t> count = take_digits(rest, overflow);
  if (count && rest.empty() && !overflow && *count >= 1 && *count <= largest) return *count;
  return fail(ErrorCode::kMonitor,
              fmt::format("{}: \"{}\" is not a number from 1 to {}", option, escape(text), largest));
}

}  // namespace spry
