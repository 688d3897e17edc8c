// Start-up latency. Each round measures all systems, so that changes of the machine affect all of them alike. The order
// is drawn at random for each round.
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
  std::string failure;       // why the system was dropped, or empty
};

// Measures the systems. One that fails is dropped, and the others go on. `title` is for the progress line.
std::vector<LatencySamples> measure_latency(std::span<System* const> systems, const LatencyOptions& options,
                                            std::string_view title, Progress& progress);

}  // namespace spry::bench
