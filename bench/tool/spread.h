// Places names at the ends of a figure's lines, each near its line's height and without overlap.
#pragma once

#include <vector>

namespace spry::bench {

// Heights as near to `wanted` as they can be with `distance` between any two, in the same order, from `low` to `high`.
// Where there is no room for all, they lie closer, evenly.
std::vector<double> spread(const std::vector<double>& wanted, double distance, double low, double high);

}  // namespace spry::bench
