#include "cli/guest_machine.h"

#include <optional>
#include <string_view>

#include "cli/modules.h"
#include "text/escape.h"
#include "text/format.h"
#include "text/join.h"

namespace spry {
namespace {

constexpr std::size_t kLongestSentence = 8192;  // of an error: a path has at most 4096 bytes

const DeviceNeed* find_need(const Manifest& manifest, const Specification& specification) {
  for (const DeviceNeed& need : manifest.devices) {
    if (need.kind == specification.kind && need.name == specification.name) return &need;
  }
  return nullptr;
}

const Module* find_module(std::string_view kind) {
  for (const Module* module : modules) {
    if (module->kind == kind) return module;
  }
  return nullptr;
}

// The user gave a device that the manifest does not name.
tl::unexpected<Error> refuse(const Specification& specification, const std::string& unikernel,
                             const Manifest& manifest) {
  const std::string about =
      fmt::format("--{} {}: the manifest of {}", specification.kind, escape(specification.name), escape(unikernel));
  std::vector<std::string> others;
  for (const DeviceNeed& need : manifest.devices) {
    const Module* const module = find_module(need.kind);
    if (module != nullptr && module->usage.empty()) continue;
    if (need.name == specification.name) {
      return fail(ErrorCode::kMonitor,
                  fmt::format("{} names it as a {} device, not as a {} device", about, need.kind, specification.kind));
    }
    others.push_back(fmt::format("--{} {}", need.kind, need.name));
  }
  return fail(ErrorCode::kMonitor,
              fmt::format("{} names no such device{}{}", about, others.empty() ? "" : ", only ", join(others, ", ")));
}

Result<std::vector<Attachment>> attach_devices(const GuestOptions& options, const Manifest& manifest, ConsoleTo console,
                                               FileUses& files) {
  const std::string unikernel = options.unikernel;
  const std::vector<Specification>& specifications = options.specifications;
  for (const Specification& specification : specifications) {
    if (find_need(manifest, specification) == nullptr) return refuse(specification, unikernel, manifest);
  }
  std::vector<Attachment> attachments;
  attachments.reserve(manifest.devices.size());
  for (const DeviceNeed& need : manifest.devices) {
    const Module* const module = find_module(need.kind);
    if (module == nullptr) {
      return fail(ErrorCode::kNotUnikernel, fmt::format("{}: needs the module {}, which this monitor was built without",
                                                        escape(unikernel), need.kind));
    }
    std::optional<std::string_view> text;
    for (const Specification& specification : specifications) {
      if (find_need(manifest, specification) == &need) text = specification.text;
    }
    const bool keep = console == ConsoleTo::kOutcome && module->keep != nullptr;
    auto open = [module, text, keep, &files](const DeviceNeed& its_need) -> Result<std::unique_ptr<Device>> {
      auto device = keep ? module->keep(its_need) : module->open(its_need, text);
      // A module's sentence may hold what the user wrote as it is.
      if (!device) return fail(device.error().code, escape(device.error().message, kLongestSentence));
      if (const int file = (*device)->file(); file >= 0) {
        auto used = files.attach(fmt::format("{} {}", its_need.kind, its_need.name), file);
        if (!used) return tl::unexpected(std::move(used.error()));
      }
      return device;
    };
    attachments.push_back({need.kind, need.name, open});
  }
  return attachments;
}

}  // namespace

Result<MachineOptions> guest_machine(GuestOptions& options, const Manifest& manifest, ConsoleTo console,
                                     FileUses& files) {
  auto devices = attach_devices(options, manifest, console, files);
  if (!devices) return tl::unexpected(std::move(devices.error()));
  MachineOptions machine;
  machine.platform = options.platform;
  machine.memory = options.memory;
  machine.arguments = std::move(options.arguments);
  machine.deadline = options.deadline;
  machine.devices = *std::move(devices);
  return machine;
}

}  // namespace spry
