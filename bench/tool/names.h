// What the names of systems, which are their keys in results, tell of the systems.
#pragma once

#include <string>
#include <string_view>

namespace spry::bench {

enum class Kind { kProcess, kSpryKvm, kSpryProcess, kContainer, kMonitor, kFloor };

Kind kind_of(std::string_view system);

// A system of the process platform has the name of KVM's, and this at its end.
inline constexpr std::string_view kProcessSuffix = "-process";

constexpr bool is_process_platform(std::string_view system) { return system.ends_with(kProcessSuffix); }

// The name without a platform: "spry" for "spry" and for "spry-process".
constexpr std::string_view base_name(std::string_view system) {
  if (is_process_platform(system)) system.remove_suffix(kProcessSuffix.size());
  return system;
}

}  // namespace spry::bench
