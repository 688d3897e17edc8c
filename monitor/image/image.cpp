#include "spry/image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "image/elf_file.h"
#include "image/layout.h"
#include "image/notes.h"
#include "image/pages.h"
#include "image/relocations.h"
#include "image/symbols.h"
#include "system/descriptor.h"
#include "system/io.h"
#include "system/memory_file.h"
#include "system/out_of_memory.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::uint64_t kSlideUnit = image::kLargePageSize;
constexpr std::uint64_t kSlideMinimum = std::uint64_t{64} << 30;  // above every guest-physical address
// With the largest image on top of the slide, a guest ends below the stub of its process (process/plan.h).
constexpr std::uint64_t kSlideEnd = std::uint64_t{0x600000000000} - (std::uint64_t{64} << 30);
constexpr std::size_t kMaximumSymbol = 256;

Result<std::uint64_t> random_slide(const image::ElfFile& file) {
  std::uint64_t random = 0;
  ssize_t count = 0;
  do {
    count = getrandom(&random, sizeof(random), 0);
  } while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(sizeof(random))) {
    return fail(code_for(errno),
                fmt::format("{}: no random number for its slide: {}", escape_path(file.path()), std::strerror(errno)));
  }
  return kSlideMinimum + random % ((kSlideEnd - kSlideMinimum) / kSlideUnit) * kSlideUnit;
}

Result<image::Pages> read_segments(const image::ElfFile& file, const image::Layout& layout) {
  auto pages = image::Pages::allocate(layout.buffer_size);
  if (!pages) {
    return fail(ErrorCode::kResources, fmt::format("{}: no memory for the {:#x} bytes of its segments",
                                                   escape_path(file.path()), layout.buffer_size));
  }
  for (std::size_t i = 0; i < layout.segments.size(); ++i) {
    const image::Source& source = layout.sources[i];
    if (source.in_file) continue;
    const auto to = pages->bytes().subspan(source.buffer_offset, layout.segments[i].file_size);
    if (Result<void> result = file.read(source.file_offset, to, "segments"); !result) {
      return tl::unexpected(result.error());
    }
  }
  return *std::move(pages);
}

}  // namespace

struct Image::Data {
  image::ElfFile file;
  Manifest manifest;
  image::Layout layout;
  image::Pages pages;
  std::uint64_t slide = 0;
  mutable std::optional<image::Symbols> symbols;                       // read at the first use
  std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();  // of the symbols
};

Result<Image> Image::load(const std::string& path) {
  return or_out_of_memory([&path] { return make(image::ElfFile::open(path)); });
}

Result<Image> Image::from_bytes(std::span<const std::byte> bytes, std::string name) {
  return or_out_of_memory([&]() -> Result<Image> {
    Descriptor file = make_memory_file("spry-image", MFD_ALLOW_SEALING, bytes.size());
    if (!file || !write_all_at(file.get(), bytes, 0) ||
        fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
      return fail(code_for(errno), fmt::format("{}: cannot make a memfd of {} bytes for it: {}", escape_path(name),
                                               bytes.size(), file_error(errno)));
    }
    return make(image::ElfFile::of(std::move(name), std::move(file), bytes.size()));
  });
}

Result<Image> Image::make(Result<image::ElfFile> file) {
  if (!file) return tl::unexpected(file.error());
  auto notes = image::read_notes(*file);
  if (!notes) return tl::unexpected(notes.error());
  auto layout = image::lay_out(*file, notes->system_calls);
  if (!layout) return tl::unexpected(layout.error());
  Result<std::uint64_t> slide = 0;
  if (file->position_independent()) slide = random_slide(*file);
  if (!slide) return tl::unexpected(slide.error());
  auto pages = read_segments(*file, *layout);
  if (!pages) return tl::unexpected(pages.error());
  const auto relocated = image::relocate(*file, *layout, pages->bytes(), layout->bias + *slide);
  if (!relocated) return tl::unexpected(relocated.error());
  return Image(std::make_shared<const Data>(
      Data{*std::move(file), std::move(notes->manifest), *std::move(layout), *std::move(pages), *slide, std::nullopt}));
}

Image::Image(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

const std::string& Image::path() const { return data_->file.path(); }
const Manifest& Image::manifest() const { return data_->manifest; }
bool Image::position_independent() const { return data_->file.position_independent(); }
std::uint64_t Image::entry() const { return data_->layout.entry + data_->slide; }
std::uint64_t Image::slide() const { return data_->slide; }
SystemCalls Image::system_calls() const {
  const SystemCalls& placed = data_->layout.system_calls;
  if (!placed.served()) return {};
  return {placed.entry + data_->slide, placed.stack + data_->slide};
}
const std::vector<Segment>& Image::segments() const { return data_->layout.segments; }
Range Image::relro() const { return data_->layout.relro; }
Range Image::extent() const { return data_->layout.extent; }

std::span<const std::byte> Image::contents(const Segment& segment) const {
  const image::Layout& layout = data_->layout;
  for (std::size_t i = 0; i < layout.segments.size(); ++i) {
    if (layout.segments[i].address != segment.address) continue;
    if (layout.sources[i].in_file) return {};
    return data_->pages.bytes().subspan(layout.sources[i].buffer_offset, layout.segments[i].file_size);
  }
  return {};
}

std::optional<FileBytes> Image::file_bytes(const Segment& segment) const {
  const image::Layout& layout = data_->layout;
  for (std::size_t i = 0; i < layout.segments.size(); ++i) {
    if (layout.segments[i].address != segment.address || !layout.sources[i].in_file) continue;
    return FileBytes{data_->file.descriptor(), layout.sources[i].file_offset};
  }
  return std::nullopt;
}

std::string Image::symbolize(std::uint64_t address) const {
  const std::uint64_t physical = address - data_->slide;
  const auto executes = [physical](const Segment& segment) {
    return segment.permissions.execute && physical >= segment.address &&
           physical - segment.address < segment.memory_size;
  };
  bool executable = false;
  for (const Segment& segment : data_->layout.segments) executable = executable || executes(segment);
  if (!executable) return {};
  const std::lock_guard lock(*data_->mutex);
  if (!data_->symbols) data_->symbols = image::Symbols::read(data_->file);
  const auto match = data_->symbols->find(physical - data_->layout.bias);
  if (!match) return {};
  const std::string offset = fmt::format("+{:#x}", match->offset);
  return escape(image::demangle(match->name), kMaximumSymbol - offset.size()) + offset;
}

}  // namespace spry
