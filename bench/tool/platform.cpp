#include "tool/platform.h"

#include "spry/devices.h"
#include "text/format.h"
#include "tool/host.h"
#include "tool/names.h"

namespace spry::bench {
namespace {

// Whether the library lets one choose: else everything runs on KVM.
template <typename Options>
concept Chooses = requires(Options& options) {
  options.platform;
};

template <typename Options>
void choose(Options& options, Platform platform) {
  if constexpr (Chooses<Options>) options.platform = platform;
}

template <typename AnyShell>
Result<AnyShell> create_shell(Platform platform) {
  if constexpr (requires { AnyShell::create(platform); }) return AnyShell::create(platform);
  return AnyShell::create();
}

}  // namespace

std::vector<Platform> platforms_here() {
  std::vector<Platform> platforms;
  if (has_kvm()) platforms.push_back(Platform::kKvm);
  if (Chooses<MachineOptions>) platforms.push_back(Platform::kProcess);
  return platforms;
}

std::string name_on(Platform platform, const std::string& name) {
  return platform == Platform::kProcess ? name + std::string(kProcessSuffix) : name;
}

std::string word_for(Platform platform) { return platform == Platform::kProcess ? "process" : "kvm"; }

std::string label_on(Platform platform, const std::string& label) {
  return fmt::format("{} ({})", label, word_for(platform));
}

std::vector<std::string> platform_option(Platform platform) {
  // The one that a command chooses by itself needs no option.
  if (platform == Platform::kKvm) return {};
  return {"--platform", word_for(platform)};
}

MachineOptions kept_output(Platform platform) {
  MachineOptions options;
  options.devices = {spry::capture()};
  choose(options, platform);
  return options;
}

Result<Shell> make_shell(Platform platform) { return create_shell<Shell>(platform); }

}  // namespace spry::bench
