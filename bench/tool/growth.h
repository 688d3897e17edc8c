// Start-up latency as a function of sizes that should matter little or not at all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tool/collector.h"
#include "tool/containers.h"
#include "tool/latency.h"

namespace spry::bench {

struct GrowthPoint {
  double x = 0;
  std::unique_ptr<System> system;
};

struct GrowthSeries {
  std::string name;    // key in results
  std::string system;  // the name of the system that is measured
  std::string label;   // the system's name for people
  std::string title;   // for people
  std::vector<GrowthPoint> points = {};
};

// Series that are measured in the same rounds and drawn together.
struct Growth {
  std::string name;  // key in results
  std::string axis;  // what x is
  std::vector<GrowthSeries> series = {};
};

// What can be measured with the command, on each platform that is here. The folder and the collector must outlive the
// result.
std::vector<Growth> make_growth(const Programs& programs, const Folder& folder, bool quick, Collector& collector);

}  // namespace spry::bench
