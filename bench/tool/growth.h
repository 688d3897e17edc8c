// Start-up against what should not, or hardly, matter.
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
  std::string system;  // whose growth it is: a system's name
  std::string label;   // that, for people
  std::string title;   // for people
  std::vector<GrowthPoint> points = {};
};

// Series that are measured in the same rounds and drawn together.
struct Growth {
  std::string name;  // key in results
  std::string axis;  // what x is
  std::vector<GrowthSeries> series = {};
};

// What can be measured with the command, on each platform that is here. The folder and the collector outlive it.
std::vector<Growth> make_growth(const Programs& programs, const Folder& folder, bool quick, Collector& collector);

}  // namespace spry::bench
