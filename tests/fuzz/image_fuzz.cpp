// Any bytes as a unikernel: loading them ends in an Image that keeps its promises, with symbols that are bounded and
// clean, or in an Error with a clean sentence.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "spry/abi.h"
#include "spry/image.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_clean(const std::string& text) {
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

unsigned touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += static_cast<unsigned>(byte);
  return sum;
}

void check(const spry::Image& image) {
  const std::uint64_t slide = image.slide();
  require(slide % (2 << 20) == 0 && (slide != 0) == image.position_independent());
  require(image.extent().start >= SPRY_IMAGE_MIN && image.extent().start < image.extent().end);
  require(image.extent().end <= std::uint64_t{32} << 30);
  std::uint64_t page = image.extent().start;
  bool entry_executable = false;
  bool relro_writable = image.relro().empty();
  for (const spry::Segment& segment : image.segments()) {
    require(segment.address >= page && segment.memory_size > 0 && segment.file_size <= segment.memory_size);
    page = (segment.address + segment.memory_size + SPRY_PAGE_SIZE - 1) / SPRY_PAGE_SIZE * SPRY_PAGE_SIZE;
    require(!(segment.permissions.write && segment.permissions.execute));
    require(image.contents(segment).size() == segment.file_size);
    static volatile unsigned sink;
    sink = touch(image.contents(segment));
    const std::uint64_t entry = image.entry() - slide;
    entry_executable |=
        segment.permissions.execute && entry >= segment.address && entry - segment.address < segment.file_size;
    relro_writable |= segment.permissions.write &&
                      image.relro().start >= segment.address / SPRY_PAGE_SIZE * SPRY_PAGE_SIZE &&
                      image.relro().end <= page;
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{0x41}, segment.memory_size - 1}) {
      const std::string symbol = image.symbolize(slide + segment.address + offset);
      require(symbol.size() <= 256);
      require_clean(symbol);
    }
  }
  require(page == image.extent().end && entry_executable && relro_writable);
  require_clean(image.symbolize(image.entry()));
  require(image.manifest().devices.size() <= SPRY_DEVICES_MAX);
  for (std::size_t i = 0; i < image.manifest().devices.size(); ++i) {
    const spry::DeviceNeed& device = image.manifest().devices[i];
    require(device.handle < SPRY_DEVICES_MAX && !device.kind.empty() && !device.name.empty());
    require(i == 0 || image.manifest().devices[i - 1].handle < device.handle);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int descriptor = memfd_create("image", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  require(ftruncate(descriptor, 0) == 0);
  require(pwrite(descriptor, data, size, 0) == static_cast<ssize_t>(size));
  const auto image = spry::Image::load(path);
  if (image) {
    check(*image);
  } else {
    require(image.error().message.starts_with(path + ": ") && image.error().code == spry::ErrorCode::kNotUnikernel);
    require_clean(image.error().message);
  }
  return 0;
}
