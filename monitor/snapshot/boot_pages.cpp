#include "snapshot/boot_pages.h"

#include <cstring>

#include "cpu/features.h"
#include "text/format.h"

namespace spry {
namespace {

void fill_places(const Base& base, spry_boot& boot) {
  const Layout& layout = base.layout;
  auto visible = [&layout](std::uint64_t address) { return address + layout.slide; };
  boot.self = visible(layout.boot.start);
  boot.abi_version = SPRY_ABI_VERSION;
  boot.size = sizeof(spry_boot);
  boot.features = with_implied(base.manifest.features);
  boot.slide = layout.slide;
  boot.image_start = visible(layout.image.start);
  boot.image_end = visible(layout.image.end);
  boot.heap_start = visible(layout.heap.start);
  boot.heap_end = visible(layout.heap.end);
  boot.stack_start = visible(layout.stack.start);
  boot.stack_end = visible(layout.stack.end);
  boot.device_count = base.shared.size();
  SharedAreas areas(layout.shared.start);
  for (std::size_t handle = 0; handle < base.shared.size(); ++handle) {
    const Range area = areas.next(base.shared[handle]);
    if (!area.empty()) boot.devices[handle] = {visible(area.start), area.size()};
  }
}

// Puts argv with its null, and then the strings, behind spry_boot.
void fill_arguments(const std::vector<std::string>& arguments, std::span<std::byte> bytes, spry_boot& boot) {
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

}  // namespace

Result<std::uint64_t> boot_pages_size(const std::vector<std::string>& arguments) {
  std::uint64_t size = (arguments.size() + 1) * sizeof(std::uint64_t);
  for (const std::string& argument : arguments) size += argument.size() + 1;
  if (size > kLargestArguments) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the arguments take {} bytes, more than the {} that a machine has", size, kLargestArguments));
  }
  return sizeof(spry_boot) + size;
}

std::uint64_t shared_areas_size(const std::vector<std::uint64_t>& sizes) {
  SharedAreas areas(0);
  for (std::uint64_t size : sizes) areas.next(size);
  return areas.next(0).start;
}

Result<void> fill_boot_pages(const Base& base, std::span<std::byte> bytes) {
  auto& boot = *reinterpret_cast<spry_boot*>(bytes.data());
  fill_places(base, boot);
  fill_arguments(base.arguments, bytes, boot);
  auto random = Entropy().take(std::as_writable_bytes(std::span(&boot.canary, 1)));
  // The first byte is zero, as in C libraries, so that a string that runs over cannot contain the canary.
  boot.canary &= ~std::uint64_t{0xff};
  return random;
}

Result<void> begin_boot_page(spry_boot& boot, const ActionStart& start, Entropy& entropy) {
  boot.generation = start.generation;
  boot.flags = start.flags;
  boot.input = start.input;
  boot.input_length = start.input_length;
  return entropy.take(std::as_writable_bytes(std::span(boot.seed)));
}

}  // namespace spry
