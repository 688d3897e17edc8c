#include "machine/boot_pages.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "machine/clock.h"
#include "machine/features.h"
#include "machine/x86.h"
#include "spry/abi.h"

namespace spry {
namespace {

// Areas are aligned to 16 bytes.
std::uint64_t area_size(const Device& device) { return x86::round_up(device.shared_size(), 16); }

void fill_places(const MachineData& machine, std::uint64_t input_length, spry_boot& boot) {
  const Layout& layout = machine.layout;
  auto visible = [&layout](std::uint64_t address) { return address + layout.slide; };
  boot.self = visible(layout.boot.start);
  boot.abi_version = SPRY_ABI_VERSION;
  boot.size = sizeof(spry_boot);
  boot.features = with_implied(machine.image.manifest().features);
  boot.generation = 1;
  boot.flags = SPRY_BOOT_READY;
  boot.slide = layout.slide;
  boot.image_start = visible(layout.image.start);
  boot.image_end = visible(layout.image.end);
  boot.heap_start = visible(layout.heap.start);
  boot.heap_end = visible(layout.heap.end);
  boot.stack_start = visible(layout.stack.start);
  boot.stack_end = visible(layout.stack.end);
  boot.device_count = machine.devices.size();
  if (input_length != 0) {
    boot.input = visible(layout.input.start);
    boot.input_length = input_length;
  }
}

void share_areas(MachineData& machine, spry_boot& boot) {
  std::uint64_t start = machine.layout.shared.start;
  for (std::size_t handle = 0; handle < machine.devices.size(); ++handle) {
    Device* device = machine.devices[handle].get();
    if (device == nullptr) continue;
    std::uint64_t size = device->shared_size();
    device->attach(machine.memory.bytes({start, start + size}));
    if (size != 0) boot.devices[handle] = {start + machine.layout.slide, size};
    start += area_size(*device);
  }
}

// argv with its null, then the strings, behind spry_boot.
void fill_arguments(const MachineData& machine, std::span<std::byte> bytes, spry_boot& boot) {
  const std::vector<std::string>& arguments = machine.options.arguments;
  std::uint64_t argv = sizeof(spry_boot);
  std::uint64_t strings = argv + (arguments.size() + 1) * sizeof(std::uint64_t);
  boot.argc = arguments.size();
  boot.argv = boot.self + argv;
  for (const std::string& argument : arguments) {
    std::uint64_t address = boot.self + strings;
    std::memcpy(&bytes[argv], &address, sizeof address);
    std::memcpy(&bytes[strings], argument.c_str(), argument.size() + 1);
    argv += sizeof address;
    strings += argument.size() + 1;
  }
}

Result<void> fill_entropy(spry_boot& boot) {
  std::uint8_t random[sizeof boot.seed + sizeof boot.canary];
  if (getrandom(random, sizeof random, 0) != sizeof random) {
    return fail(ErrorCode::kMonitor, fmt::format("no random bytes: {}", std::strerror(errno)));
  }
  std::memcpy(boot.seed, random, sizeof boot.seed);
  std::memcpy(&boot.canary, random + sizeof boot.seed, sizeof boot.canary);
  // A zero byte first, as C libraries do: a string that runs over cannot supply it.
  boot.canary &= ~std::uint64_t{0xff};
  return {};
}

Result<void> fill_clock(MachineData& machine, spry_boot& boot) {
  auto clock = read_clock(*machine.vcpu);
  if (!clock) return tl::unexpected(clock.error());
  boot.clock_tsc = clock->tsc;
  boot.clock_ns = clock->host_ns - machine.epoch_ns;
  boot.clock_mult = clock->scale.mult;
  boot.clock_shift = clock->scale.shift;
  boot.clock_wall = host_wall_ns() - (host_monotonic_ns() - machine.epoch_ns);
  return {};
}

}  // namespace

Result<std::uint64_t> boot_pages_size(const MachineOptions& options) {
  std::uint64_t size = (options.arguments.size() + 1) * sizeof(std::uint64_t);
  for (const std::string& argument : options.arguments) size += argument.size() + 1;
  if (size > kLargestArguments) {
    return fail(ErrorCode::kMonitor, fmt::format("the arguments take {} bytes, more than the {} that a machine has",
                                                 size, kLargestArguments));
  }
  return sizeof(spry_boot) + size;
}

std::uint64_t shared_areas_size(const MachineData& machine) {
  std::uint64_t size = 0;
  for (const auto& device : machine.devices) size += device == nullptr ? 0 : area_size(*device);
  return size;
}

Result<void> fill_boot_pages(MachineData& machine, std::uint64_t input_length) {
  std::span<std::byte> bytes = machine.memory.bytes(machine.layout.boot);
  auto& boot = *reinterpret_cast<spry_boot*>(bytes.data());
  fill_places(machine, input_length, boot);
  share_areas(machine, boot);
  fill_arguments(machine, bytes, boot);
  if (auto random = fill_entropy(boot); !random) return random;
  if ((boot.features & SPRY_FEATURE_CLOCK) != 0) return fill_clock(machine, boot);
  return {};
}

}  // namespace spry
