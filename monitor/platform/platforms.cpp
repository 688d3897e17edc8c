#include "platform/platforms.h"

#include <cstdlib>

#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr const char* kVariable = "SPRY_PLATFORM";

Result<const PlatformEntry*> find(Platform wanted) {
  for (const PlatformEntry* entry : platforms) {
    if (entry->platform == wanted) return entry;
  }
  return fail(ErrorCode::kMonitor, fmt::format("this monitor was built without the platform {}", to_string(wanted)));
}

// A forbidden /dev/kvm exists: it is never silently replaced by another kind of isolation.
Result<const PlatformEntry*> choose() {
  const char* const named = std::getenv(kVariable);
  if (named != nullptr && *named != '\0') {
    const auto platform = platform_named(named);
    if (!platform) {
      return fail(ErrorCode::kMonitor,
                  fmt::format("{}: \"{}\" is no platform: automatic, kvm or process", kVariable, escape(named)));
    }
    if (*platform != Platform::kAutomatic) return find(*platform);
  }
  for (const PlatformEntry* entry : platforms) {
    if (platforms.size() == 1 || entry->exists()) return entry;
  }
  return fail(ErrorCode::kMonitor, "this machine has none of the platforms that this monitor was built with");
}

}  // namespace

std::string_view to_string(Platform platform) {
  switch (platform) {
    case Platform::kAutomatic:
      return "automatic";
    case Platform::kKvm:
      return "kvm";
    case Platform::kProcess:
      return "process";
  }
  return "unknown";
}

std::optional<Platform> platform_named(std::string_view name) {
  for (const Platform platform : {Platform::kAutomatic, Platform::kKvm, Platform::kProcess}) {
    if (name == to_string(platform)) return platform;
  }
  return std::nullopt;
}

Result<Platform> platform_here() {
  auto entry = choose();
  if (!entry) return tl::unexpected(entry.error());
  return (*entry)->platform;
}

Result<std::unique_ptr<Vcpu>> make_shell(Platform wanted, const ShellRequest& request) {
  auto entry = wanted == Platform::kAutomatic ? choose() : find(wanted);
  if (!entry) return tl::unexpected(entry.error());
  return (*entry)->make_shell(request);
}

}  // namespace spry
