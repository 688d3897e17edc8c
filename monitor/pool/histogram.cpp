#include <algorithm>
#include <bit>
#include <cmath>

#include "spry/pool.h"

namespace spry {

// Each value below kParts has a part of its own. Above, the five bits behind the leading one say which part a value is
// in.
void Histogram::add(std::chrono::nanoseconds duration) {
  const std::uint64_t value = duration.count() > 0 ? static_cast<std::uint64_t>(duration.count()) : 0;
  constexpr unsigned kPartBits = std::bit_width(kParts) - 1;
  const auto width = static_cast<unsigned>(std::bit_width(value));
  const unsigned power = width <= kPartBits ? 0 : width - kPartBits;
  const std::uint64_t part = power == 0 ? value : (value >> (power - 1)) - kParts;
  ++counts_[std::min<std::size_t>(power * kParts + part, counts_.size() - 1)];
  ++count_;
  largest_ = std::max(largest_, value);
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  largest_ = std::max(largest_, other.largest_);
}

std::chrono::nanoseconds Histogram::quantile(double fraction) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (counts_[i] == 0 || seen < wanted) continue;
    const std::size_t power = i / kParts;
    const std::uint64_t part = i % kParts;
    if (power == 0) return std::chrono::nanoseconds(part);
    const std::uint64_t low = (kParts + part) << (power - 1);
    const std::uint64_t middle = low + (std::uint64_t{1} << (power - 1)) / 2;
    return std::chrono::nanoseconds(std::min(middle, largest_));
  }
  return std::chrono::nanoseconds(0);
}

}  // namespace spry
