// When actions arrive in an open system: at given times, whether or not earlier actions have ended.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tool/clock.h"

namespace spry::bench {

enum class Pattern { kPoisson, kConstant };

std::string_view to_string(Pattern pattern);

// The arrivals of `duration` at `rate` a second on average, as offsets from its start in ascending order, all below
// `duration`. The same seed gives the same arrivals.
std::vector<Nanoseconds> make_arrivals(Pattern pattern, double rate, Nanoseconds duration, std::uint64_t seed);

}  // namespace spry::bench
