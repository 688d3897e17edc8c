#include "tool/names.h"

namespace spry::bench {
namespace {

struct Known {
  std::string_view begins;
  Kind kind;
};

// The first row whose `begins` a name begins with tells the name's kind.
constexpr Known kKnown[] = {
    {"echo", Kind::kProcess},   {"static", Kind::kProcess},     {"spry", Kind::kSpryKvm},
    {"cold", Kind::kSpryKvm},   {"shell", Kind::kSpryKvm},      {"machine", Kind::kSpryKvm},
    {"pooled", Kind::kSpryKvm}, {"snapshot", Kind::kSpryKvm},   {"runc", Kind::kContainer},
    {"crun", Kind::kContainer}, {"podman", Kind::kContainer},   {"docker", Kind::kContainer},
    {"solo5", Kind::kMonitor},  {"qemu", Kind::kMonitor},       {"floor", Kind::kFloor},
    {"kvm-run", Kind::kFloor},  {"notification", Kind::kFloor}, {"least-kept", Kind::kFloor},
};

}  // namespace

Kind kind_of(std::string_view system) {
  for (const Known& known : kKnown) {
    if (!system.starts_with(known.begins)) continue;
    return known.kind == Kind::kSpryKvm && is_process_platform(system) ? Kind::kSpryProcess : known.kind;
  }
  return Kind::kProcess;
}

}  // namespace spry::bench
