// Makes figures from results, one for each part.
#pragma once

#include <vector>

#include "tool/plot.h"
#include "tool/results.h"

namespace spry::bench {

// The figures latency, throughput, load and growth-NAME, as far as the results have values for them.
std::vector<Figure> make_figures(const Json& results);

}  // namespace spry::bench
