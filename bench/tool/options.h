// The command line of spry-bench.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spry/error.h"
#include "tool/catalogue.h"
#include "tool/cost.h"
#include "tool/latency.h"
#include "tool/load.h"

namespace spry::bench {

enum class Verb { kMeasure, kTable, kDraw, kPublish, kDocument, kHelp };

struct Options {
  Verb verb = Verb::kHelp;
  std::string results;  // file of results, which measure writes and others read; document: folder of published sets
  std::string target;   // folder of figures, folder of published sets, or page to write

  bool quick = false;
  LatencyOptions latency;
  LoadOptions load;
  Nanoseconds closed_duration = {};
  std::vector<std::size_t> closed_in_flight;
  unsigned growth_rounds = 0;
  unsigned block_rounds = 0;
  std::vector<std::string> parts;  // of latency, fetch, throughput, growth, block
  std::vector<std::string> only;   // names of systems; empty: all
  Guests guests;
  Prices prices;
  std::string micro;     // results of spry-bench-micro to include, or empty
  std::string revision;  // of the sources, to be noted
  bool part(const std::string& name) const;
  bool wanted(const std::string& system) const;
};

// argv[0] is the program. An Error is bad usage.
Result<Options> parse_options(int argc, char** argv);

std::string usage();

}  // namespace spry::bench
