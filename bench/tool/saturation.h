// When a system is saturated, and the most that it served.
#pragma once

#include <functional>
#include <vector>

#include "tool/load.h"

namespace spry::bench {

// A rate is sustained if at least this share of what arrived in the measured window also ended in it, or all but
// kSustainedRest, without failures.
inline constexpr double kSustainedShare = 0.95;
inline constexpr double kSustainedRest = 3;
// Two rates in a row that are not sustained: saturation.
inline constexpr unsigned kUnsustainedInARow = 2;

bool is_sustained(const LoadResult& result);

// True if a rate was not sustained and the generator's lag was more than half of the median time from an arrival to the
// end: then not the system was too slow, but the generator.
bool is_generator_bound(const LoadResult& result);

// True if the generator's median lag is more than a tenth of the median latency, so that the latency is partly its own.
bool is_lag_heavy(const LoadResult& result);

struct Climb {
  std::vector<LoadResult> steps;
  double maximum = 0;      // the most actions a second that ended, at any of the rates
  bool saturated = false;  // false: even the highest rate that was tried was sustained
  bool generator_bound = false;
};

// Measures one rate.
using Step = std::function<LoadResult(double rate)>;

// Climbs from well below `estimate` until saturation.
Climb climb(double estimate, const Step& step);

}  // namespace spry::bench
