// What the project set itself, and what a run of the benchmark found.
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
  bool at_least = false;        // `limit` is to be reached; else it is not to be exceeded
  std::optional<double> value;  // nothing if the run did not measure it
  bool met() const { return value && (at_least ? *value >= limit : *value <= limit); }
};

// Of both platforms.
std::vector<Aim> make_aims(const Json& results);

}  // namespace spry::bench
