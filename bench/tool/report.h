// The tables that show results.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tool/grid.h"
#include "tool/results.h"

namespace spry::bench {

struct Section {
  std::string name;                       // of its markers in docs/benchmarks.md
  std::string title;                      // in the terminal
  std::string words;                      // sentences above the table, or empty
  Grid grid;                              // without header if there is no table
  std::vector<std::string> figures = {};  // links under it, on a page
};

// The machine and the programs of a run, line by line: what the line tells, and its value.
std::vector<std::pair<std::string, std::string>> describe(const Json& results);

// The sections host, aims, latency, fetch, throughput, closed, load, growth, live, block, micro and left-out. A section
// without results has words and no table.
std::vector<Section> make_report(const Json& results);

}  // namespace spry::bench
