// The two published sets of results, one for machines with KVM and one for those without. A run replaces one of them.
#pragma once

#include <string>
#include <vector>

#include "tool/results.h"

namespace spry::bench {

inline constexpr const char* kSets[] = {"kvm", "process"};

// "kvm" if the machine that was measured on has KVM, else "process".
std::string set_of(const Json& results);

struct PublishedSet {
  std::string name;
  std::string folder;
  Json results;  // an empty object if none were published
};

// Writes results.json and figures to FOLDER/SET.
Result<void> publish(const Json& results, const std::string& folder);

// What was published in `folder`: all kSets, in their order.
Result<std::vector<PublishedSet>> read_sets(const std::string& folder);

}  // namespace spry::bench
