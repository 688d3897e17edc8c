#include "tool/show.h"

#include <algorithm>

#include "text/format.h"

namespace spry::bench {

std::string show_time(double microseconds) {
  constexpr double kThousand = 1000;
  if (microseconds < 10) return fmt::format("{:.2f} us", microseconds);
  if (microseconds < 100) return fmt::format("{:.1f} us", microseconds);
  if (microseconds < kThousand) return fmt::format("{:.0f} us", microseconds);
  if (microseconds < 10 * kThousand) return fmt::format("{:.2f} ms", microseconds / kThousand);
  if (microseconds < 100 * kThousand) return fmt::format("{:.1f} ms", microseconds / kThousand);
  if (microseconds < kThousand * kThousand) return fmt::format("{:.0f} ms", microseconds / kThousand);
  return fmt::format("{:.2f} s", microseconds / kThousand / kThousand);
}

std::string show_rate(double rate) { return rate < 100 ? fmt::format("{:.1f}", rate) : fmt::format("{:.0f}", rate); }

std::string show_ratio(double ratio) {
  return ratio < 0.1  ? fmt::format("{:.4f}", ratio)
         : ratio < 10 ? fmt::format("{:.2f}", ratio)
                      : fmt::format("{:.1f}", ratio);
}

std::string show_count(double count) { return fmt::format("{:.0f}", count); }

std::string show_amount(double amount) {
  const std::string digits = fmt::format("{}", amount);
  const std::size_t whole = std::min(digits.find('.'), digits.size());
  constexpr std::size_t kGroup = 3;
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && i < whole && (whole - i) % kGroup == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace spry::bench
