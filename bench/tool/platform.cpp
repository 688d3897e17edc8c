#include "tool/platform.h"

#include "spry/devices.h"
#include "text/format.h"
#include "tool/host.h"
#include "tool/names.h"

namespace spry::bench {
std::vector<Platform> platforms_here() {
  std::vector<Platform> platforms;
  if (has_kvm()) platforms.push_back(Platform::kKvm);
  platforms.push_back(Platform::kProcess);
  return platforms;
}

std::string name_on(Platform platform, const std::string& name) {
  return platform == Platform::kProcess ? name + std::string(kProcessSuffix) : name;
}

std::string label_on(Platform platform, const std::string& label) {
  return fmt::format("{} ({})", label, to_string(platform));
}

std::vector<std::string> platform_option(Platform platform) {
  // A command chooses KVM by itself, if there is KVM.
  if (platform == Platform::kKvm) return {};
  return {"--platform", std::string(to_string(platform))};
}

MachineOptions kept_output(Platform platform) {
  MachineOptions options;
  options.devices = {spry::capture()};
  options.platform = platform;
  return options;
}

}  // namespace spry::bench
