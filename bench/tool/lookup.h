// Finds things in results.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tool/results.h"

namespace spry::bench {

// The member of a list whose `key` has this value, or a null pointer.
template <typename Value>
const Json* find(const Json& list, const char* key, const Value& value) {
  for (const Json& one : list) {
    const auto member = one.find(key);
    if (member != one.end() && *member == value) return &one;
  }
  return nullptr;
}

inline const Json* find(const Json& list, const std::string& name) { return find(list, "name", name); }

// A system's name for people. `systems` is the list of descriptions.
inline std::string label_of(const Json& systems, const std::string& name) {
  const Json* const system = find(systems, name);
  return system == nullptr ? name : system->value("label", name);
}

inline std::vector<double> numbers(const Json& list) { return list.get<std::vector<double>>(); }

// Whether the results have something of a part.
inline bool has(const Json& results, const char* part) { return results.contains(part) && !results[part].empty(); }

}  // namespace spry::bench
