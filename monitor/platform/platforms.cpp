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
  return fail(ErrorCode::kUnavailable,
              fmt::format("this monitor was built without the platform {}", to_string(wanted)));
}

// The platform that SPRY_PLATFORM names; null if the variable leaves the choice.
Result<const PlatformEntry*> named() {
  const char* const name = std::getenv(kVariable);
  if (name == nullptr || *name == '\0') return nullptr;
  const auto platform = platform_named(name);
  if (!platform) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: \"{}\" is no platform: automatic, kvm or process", kVariable, escape(name)));
  }
  return *platform == Platform::kAutomatic ? nullptr : find(*platform);
}

tl::unexpected<Error> none_here() {
  return fail(ErrorCode::kUnavailable, "this machine has none of the platforms that this monitor was built with");
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

bool platform_is_named() {
  const auto entry = named();
  return entry && *entry != nullptr;
}

Platform platform_for(Platform wanted) {
  if (wanted != Platform::kAutomatic) return wanted;
  const auto entry = named();
  if (!entry) return Platform::kAutomatic;
  if (*entry != nullptr) return (*entry)->platform;
  for (const PlatformEntry* one : platforms) {
    if (platforms.size() == 1 || one->exists()) return one->platform;
  }
  return Platform::kAutomatic;
}

// A /dev/kvm that may not be opened counts as existing, so it leads to an error, and never silently to another kind of
// isolation.
Result<std::unique_ptr<Vcpu>> make_shell(Platform wanted, const ShellRequest& request) {
  const auto entry = wanted == Platform::kAutomatic ? named() : find(wanted);
  if (!entry) return tl::unexpected(entry.error());
  if (*entry != nullptr) return (*entry)->make_shell(request);
  for (const PlatformEntry* one : platforms) {
    auto made = one->make_shell(request);
    if (made || platforms.size() == 1 || one->exists()) return made;
  }
  return none_here();
}

}  // namespace spry
