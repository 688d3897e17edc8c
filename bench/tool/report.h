// The tables that results are shown as.
#pragma once

#include <string>
#include <vector>

#include "tool/grid.h"
#include "tool/results.h"

namespace spry::bench {

struct Section {
  std::string name;   // of its markers in docs/benchmarks.md
  std::string title;  // in the terminal
  std::string words;  // sentences above the table, or empty
  Grid grid;          // without header if there is no table
};

// host, aims, latency, fetch, throughput, closed, load, growth, live, micro, left-out. A part without results has words
// and no table.
std::vector<Section> make_report(const Json& results);

}  // namespace spry::bench
