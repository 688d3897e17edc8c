#include "tool/saturation.h"

#include <algorithm>

namespace spry::bench {
namespace {

// The rates to try, as multiples of the estimate. The estimate comes from a closed loop; a real maximum is seldom more
// than half higher.
constexpr double kFactors[] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.8, 2.2, 2.7, 3.3, 4};

}  // namespace

bool is_sustained(const LoadResult& result) {
  const auto due = static_cast<double>(result.due);
  const double least = std::min(kSustainedShare * due, due - kSustainedRest);
  return result.failures == 0 && static_cast<double>(result.ended) >= least;
}

bool is_generator_bound(const LoadResult& result) {
  constexpr double kHalf = 0.5;
  return !is_sustained(result) && !result.lag.empty() && median(result.lag) > kHalf * median(result.end);
}

bool is_lag_heavy(const LoadResult& result) {
  constexpr double kShare = 0.1;
  return !result.lag.empty() && median(result.lag) > kShare * median(result.hello);
}

Climb climb(double estimate, const Step& step) {
  Climb result;
  unsigned unsustained = 0;
  for (const double factor : kFactors) {
    result.steps.push_back(step(estimate * factor));
    const LoadResult& last = result.steps.back();
    result.maximum = std::max(result.maximum, last.achieved);
    unsustained = is_sustained(last) ? 0 : unsustained + 1;
    if (unsustained == kUnsustainedInARow) {
      result.saturated = true;
      // The two steps at the end tell whether the generator was the limit.
      result.generator_bound = is_generator_bound(last) || is_generator_bound(*(result.steps.end() - 2));
      break;
    }
  }
  return result;
}

}  // namespace spry::bench
