#include "tool/arrivals.h"

#include <cmath>
#include <random>

namespace spry::bench {

std::string_view to_string(Pattern pattern) { return pattern == Pattern::kPoisson ? "poisson" : "constant"; }

std::vector<Nanoseconds> make_arrivals(Pattern pattern, double rate, Nanoseconds duration, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  // Not std::exponential_distribution, whose numbers differ between libraries. The logarithm's argument lies in (0, 1].
  const auto gap = [&] {
    if (pattern == Pattern::kConstant) return 1 / rate;
    constexpr int kUnusedBits = 11;
    const auto bits = static_cast<double>(generator() >> kUnusedBits);
    return -std::log((bits + 1) * 0x1p-53) / rate;
  };
  std::vector<Nanoseconds> arrivals;
  // The first arrival of the constant pattern is at 0.
  double at = pattern == Pattern::kConstant ? 0 : gap();
  for (std::size_t count = 1; at < seconds(duration); ++count) {
    arrivals.push_back(from_seconds(at));
    at = pattern == Pattern::kConstant ? static_cast<double>(count) / rate : at + gap();
  }
  return arrivals;
}

}  // namespace spry::bench
