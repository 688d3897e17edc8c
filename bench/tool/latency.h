// Start-up latency: all systems in each round, so that what changes on the machine meets all of them, in an order that
// is drawn anew for each.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tool/progress.h"
#include "tool/system.h"

namespace spry::bench {

struct LatencyOptions {
  unsigned rounds = 30;
  unsigned warm_up = 3;  // rounds before, not counted
  Nanoseconds gap = {};  // between the end of an action and the next invocation
};

struct LatencySamples {
  std::string name;
  std::vector<double> hello;  // microseconds, one for each round
  std::vector<double> end;
  std::vector<Usage> usage;  // of processes
  std::string failure;       // why the system was dropped on the way, or empty
};

// A system that fails is dropped and the rest goes on. `title` is for the progress line.
std::vector<LatencySamples> measure_latency(std::span<System* const> systems, const LatencyOptions& options,
                                            std::string_view title, Progress& progress);

}  // namespace spry::bench
