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
  std::string name;   // key in results
  std::string title;  // for people
  std::string axis;   // what x is
  std::vector<GrowthPoint> points;
};

// The series that can be measured with the command. The folder and the collector outlive them.
std::vector<GrowthSeries> make_growth(const Programs& programs, const Folder& folder, bool quick, Collector& collector);

}  // namespace spry::bench
