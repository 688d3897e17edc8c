// The names of systems, which are their keys in results: what they tell of a system.
#pragma once

#include <string>
#include <string_view>

namespace spry::bench {

enum class Kind { kProcess, kSpryKvm, kSpryProcess, kContainer, kMonitor, kFloor };

Kind kind_of(std::string_view system);

// The process platform's systems are named as KVM's, with this behind.
inline constexpr std::string_view kProcessSuffix = "-process";

constexpr bool is_process_platform(std::string_view system) { return system.ends_with(kProcessSuffix); }

// "spry" of both "spry" and "spry-process".
constexpr std::string_view base_name(std::string_view system) {
  if (is_process_platform(system)) system.remove_suffix(kProcessSuffix.size());
  return system;
}

}  // namespace spry::bench
