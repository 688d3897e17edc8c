#include "machine/build.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"
#include "machine/action.h"
#include "machine/verify.h"
#include "platform/platforms.h"
#include "system/own_memory.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

Result<void> check_options(const MachineOptions& options) {
  if (auto checked = check_deadline(options.deadline); !checked) return checked;
  if (options.max_input > kMaximumInput) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("inputs of up to {} bytes: no input has more than 16 GiB", options.max_input));
  }
  if (options.verify && !options.reusable) {
    return fail(ErrorCode::kInvalidArgument, "a machine that is not reusable has no reset to verify");
  }
  return {};
}

// Opens the device for each handle of the manifest. Each device that the manifest names must be attached, and each
// attached device must be named unless it is optional.
Result<void> open_devices(MachineData& machine, const Manifest& manifest, const std::string& path) {
  std::vector<Attachment> attachments = std::move(machine.options.devices);
  for (const DeviceNeed& need : manifest.devices) {
    auto same = [&need](const Attachment& one) { return one.kind == need.kind && one.name == need.name; };
    auto found = std::find_if(attachments.begin(), attachments.end(), same);
    if (found == attachments.end()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: it needs the {} device {}, which is not attached", path, need.kind, need.name));
    }
    auto device = found->open(need);
    if (!device) return tl::unexpected(device.error());
    if (std::string reason = (*device)->single_use(); machine.options.reusable && !reason.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: the {} device {} serves one action only: {}", path, need.kind, need.name, reason));
    }
    if (machine.devices.size() <= need.handle) machine.devices.resize(need.handle + 1);
    machine.devices[need.handle] = std::move(*device);
    attachments.erase(found);
  }
  for (const Attachment& left : attachments) {
    if (left.optional) continue;
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: the {} device {} is attached, but the manifest does not name it", path, left.kind, left.name));
  }
  return {};
}

std::vector<std::uint64_t> shared_sizes(const MachineData& machine) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(machine.devices.size());
  for (const auto& device : machine.devices) sizes.push_back(device == nullptr ? 0 : device->shared_size());
  return sizes;
}

std::vector<std::string> constants(const MachineData& machine) {
  std::vector<std::string> all;
  for (const auto& device : machine.devices) all.push_back(device == nullptr ? std::string() : device->constants());
  return all;
}

// Refuses options that contradict what the snapshot's guest has already seen.
Result<void> check_snapshot(const MachineData& machine, const Base& base) {
  const MachineOptions& options = machine.options;
  if (options.memory && *options.memory != base.layout.memory) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: the snapshot was taken with {} KiB of memory, not {}",
                                                         base.name, base.layout.memory >> 10, *options.memory >> 10));
  }
  // The first argument, the program's name, is not compared: it names the snapshot's file now, and named the image's
  // then.
  const std::vector<std::string>& given = options.arguments;
  const auto same = [&given, &base] {
    return given.size() == base.arguments.size() &&
           std::equal(given.begin() + 1, given.end(), base.arguments.begin() + 1);
  };
  if (given.size() > 1 && !same()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: the snapshot was taken with other arguments, which belong to it", base.name));
  }
  if (shared_sizes(machine) != base.shared) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: the snapshot was taken with devices that share other memory", base.name));
  }
  for (const DeviceNeed& need : base.manifest.devices) {
    const std::string now = machine.devices[need.handle]->constants();
    const std::string& then = base.constants[need.handle];
    if (now == then) continue;
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: the snapshot was taken with a {} device {} of {}, not of {}", base.name, need.kind,
                            need.name, escape(then), now));
  }
  return {};
}

// The shell that was given, or a new one.
Result<void> take_shell(MachineData& machine, std::unique_ptr<Vcpu> given) {
  const MachineOptions& options = machine.options;
  if (given == nullptr) {
    const Layout& layout = machine.layout();
    const ShellRequest request = {.end = std::max(layout.memory, machine.input.range().end),
                                  .logged_pages = options.reusable ? layout.memory / kPageSize : 0};
    auto made = make_shell(options.platform, request);
    if (!made) return tl::unexpected(made.error());
    given = *std::move(made);
  } else if (options.platform != Platform::kAutomatic && options.platform != given->platform()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: the shell is of the platform {}, and the options insist on {}", machine.base->name,
                            to_string(given->platform()), to_string(options.platform)));
  }
  machine.vcpu = std::move(given);
  return {};
}

// Makes the machine's memory and fills it: with the base's contents, or, if the base is `fresh`, from its image.
Result<void> fill_memory(MachineData& machine, const std::shared_ptr<Base>& fresh) {
  const Base& base = *machine.base;
  const Layout& layout = base.layout;
  auto memory = machine.vcpu->make_memory(std::max(layout.memory, machine.input.range().end), machine.options.reusable);
  if (!memory) return tl::unexpected(memory.error());
  machine.memory = std::move(*memory);
  machine.memory.set_regions(base.regions, layout.slide);
  if (fresh != nullptr) {
    if (machine.options.reusable) {
      auto contents = Contents::allocate(layout.memory);
      if (!contents) return tl::unexpected(contents.error());
      fresh->contents = std::move(*contents);
    }
    if (auto filled = fill_base(*fresh, machine.memory); !filled) return filled;
    if (machine.options.reusable) fresh->contents.settle();
  }
  if (base.contents.empty()) return {};
  // Up to the address that is given last, a snapshot's file is read and not mapped, because the monitor itself reads
  // and writes there: below the image, or, with a large stack, in all of memory.
  return base.contents.place(machine.memory, layout.boot.start, layout.low_stack() ? SPRY_IMAGE_MIN : layout.memory);
}

Result<void> furnish(MachineData& machine) {
  const Base& base = *machine.base;
  const MachineOptions& options = machine.options;
  if (options.verify) write_probe(machine.memory.bytes(base.layout.probe));
  const Range input = options.reusable ? machine.input.range() : Range();
  auto furnished =
      machine.vcpu->furnish(machine.memory, {.path = base.name,
                                             .layout = base.layout,
                                             .regions = base.regions,
                                             .state = base.cpu,
                                             .covered = base.covered,
                                             .end = std::max(base.layout.memory, machine.input.range().end),
                                             .features = base.manifest.features,
                                             .input = input,
                                             .reusable = options.reusable,
                                             .verify = options.verify});
  if (!furnished || input.empty()) return furnished;
  machine.memory.add_region({input, {.read = true}});
  return {};
}

}  // namespace

Result<void> build(MachineData& machine, std::unique_ptr<Vcpu> shell, const Image* image,
                   std::shared_ptr<const Base> snapshot) {
  if (const int error = own_memory_error(); error != 0) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("process_vm_readv(2) and process_vm_writev(2) do not work here: {} (see spry doctor)",
                            std::strerror(error)));
  }
  if (auto checked = check_options(machine.options); !checked) return checked;
  const Manifest& manifest = image != nullptr ? image->manifest() : snapshot->manifest;
  auto opened = open_devices(machine, manifest, image != nullptr ? escape_path(image->path()) : snapshot->name);
  if (!opened) return opened;
  std::shared_ptr<Base> fresh;
  if (image != nullptr) {
    auto planned = plan_base(*image, machine.options, shared_sizes(machine));
    if (!planned) return tl::unexpected(planned.error());
    fresh = std::make_shared<Base>(std::move(*planned));
    if (machine.options.reusable) fresh->constants = constants(machine);
    machine.base = fresh;
  } else {
    if (auto checked = check_snapshot(machine, *snapshot); !checked) return checked;
    machine.base = std::move(snapshot);
    if (machine.options.reusable) {
      auto loaded = load_contents(machine.base);
      if (!loaded) return tl::unexpected(loaded.error());
      machine.base = *std::move(loaded);
    }
  }
  machine.input = InputArea(input_area(machine.layout().memory, machine.options.max_input));
  if (auto taken = take_shell(machine, std::move(shell)); !taken) return taken;
  if (machine.options.reusable) machine.dirty = DirtyPages(machine.layout().memory);
  if (auto filled = fill_memory(machine, fresh); !filled) return filled;
  if (auto furnished = furnish(machine); !furnished) return furnished;
  if ((machine.base->manifest.features & SPRY_FEATURE_CLOCK) != 0) {
    auto tsc = machine.vcpu->tsc();
    if (!tsc) return tl::unexpected(tsc.error());
    machine.tsc = *tsc;
  }
  machine.beginning = machine.base->at_ready ? Beginning::kAtReady : Beginning::kUnknown;
  machine.action.generation = machine.base->generation;
  return machine.options.verify ? begin_verifying(machine) : Result<void>();
}

}  // namespace spry
