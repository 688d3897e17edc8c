// What results look like: one figure for each of their parts.
#pragma once

#include <vector>

#include "tool/plot.h"
#include "tool/results.h"

namespace spry::bench {

// latency, throughput, load, growth-NAME: those for which the results have something.
std::vector<Figure> make_figures(const Json& results);

}  // namespace spry::bench
