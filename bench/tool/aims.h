// The project's aims, and what a run of the benchmark found of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tool/results.h"

namespace spry::bench {

struct Aim {
  std::string platform;  // "kvm" or "process"
  std::string figure;
  double limit = 0;
  bool at_least = false;        // the value must be `limit` at least; else `limit` at most
  std::optional<double> value;  // nothing if the run did not measure it
  bool met() const { return value && (at_least ? *value >= limit : *value <= limit); }
};

// The aims of both platforms.
std::vector<Aim> make_aims(const Json& results);

}  // namespace spry::bench
