#include "overlay.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "text/format.h"

namespace spry::block {
namespace {

constexpr std::uint64_t kBits = 64;

tl::unexpected<Error> no_overlay(std::string_view about) {
  return fail(code_for(errno, ErrorCode::kResources),
              fmt::format("{}: no memory for an overlay: {}", about, std::strerror(errno)));
}

}  // namespace

Overlay::Overlay(File base, std::uint32_t sector_size) : base_(std::move(base)), sector_size_(sector_size) {}

Overlay::Overlay(Overlay&& other) noexcept
    : base_(std::move(other.base_)),
      sector_size_(other.sector_size_),
      memory_(std::exchange(other.memory_, -1)),
      bitmap_(std::exchange(other.bitmap_, nullptr)),
      written_(other.written_) {}

Overlay::~Overlay() {
  if (memory_ >= 0) close(memory_);
  if (bitmap_ != nullptr) munmap(bitmap_, bitmap_size());
}

std::uint64_t Overlay::bitmap_size() const {
  const std::uint64_t sectors = capacity() / sector_size_;
  return (sectors + kBits - 1) / kBits * sizeof(std::uint64_t);
}

Result<Overlay> Overlay::create(std::string_view name, const Specification& specification, File base) {
  const std::uint64_t capacity = base.capacity();
  // A memfd is a file in this too.
  const std::string about = fmt::format("block {}: {}", name, specification.path);
  if (Result<void> may = check_write_limit(about, capacity); !may) return tl::unexpected(std::move(may.error()));
  Overlay overlay(std::move(base), specification.sector_size);
  overlay.memory_ = memfd_create("spry-overlay", MFD_CLOEXEC);
  if (overlay.memory_ < 0 || ftruncate(overlay.memory_, static_cast<off_t>(capacity)) != 0) {
    return no_overlay(about);
  }
  void* const bitmap =
      mmap(nullptr, overlay.bitmap_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bitmap == MAP_FAILED) return no_overlay(about);
  overlay.bitmap_ = static_cast<std::uint64_t*>(bitmap);
  return overlay;
}

bool Overlay::is_written(std::uint64_t sector) const { return (bitmap_[sector / kBits] >> (sector % kBits) & 1) != 0; }

void Overlay::mark(std::uint64_t offset, std::uint64_t length) {
  written_ = true;
  std::uint64_t sector = offset / sector_size_;
  const std::uint64_t end = sector + length / sector_size_;
  while (sector < end) {
    const std::uint64_t bit = sector % kBits;
    const std::uint64_t count = std::min(kBits - bit, end - sector);
    const std::uint64_t ones = count == kBits ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    bitmap_[sector / kBits] |= ones << bit;
    sector += count;
  }
}

// Up to where all sectors are of one kind. It may begin within a sector, because the read before it may have ended
// there.
ssize_t Overlay::read(std::span<std::byte> bytes, std::uint64_t offset) {
  const std::uint64_t last = (offset + bytes.size() - 1) / sector_size_;
  std::uint64_t sector = offset / sector_size_;
  const bool written = is_written(sector);
  while (sector < last && is_written(sector + 1) == written) ++sector;
  const std::uint64_t length = std::min<std::uint64_t>(bytes.size(), (sector + 1) * sector_size_ - offset);
  if (!written) return base_.read(bytes.first(length), offset);
  return pread(memory_, bytes.data(), length, static_cast<off_t>(offset));
}

// Whole sectors: one that was cut short is not yet written, and is tried again.
ssize_t Overlay::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  const ssize_t written = pwrite(memory_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written <= 0) return written;
  const std::uint64_t whole = static_cast<std::uint64_t>(written) / sector_size_ * sector_size_;
  mark(offset, whole);
  errno = EINTR;
  return whole == 0 ? -1 : static_cast<ssize_t>(whole);
}

int Overlay::discard(std::uint64_t offset, std::uint64_t length) {
  if (fallocate(memory_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(length)) != 0) {
    return errno;
  }
  mark(offset, length);
  return 0;
}

// Nothing is in the memfd that the bitmap does not name: the hole only gives memory back, if it can be made. Nor can
// the bitmap's pages be given back where the launcher has locked its memory.
void Overlay::forget() {
  if (!written_) return;
  static_cast<void>(fallocate(memory_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(capacity())));
  if (madvise(bitmap_, bitmap_size(), MADV_DONTNEED) != 0) std::memset(bitmap_, 0, bitmap_size());
  written_ = false;
}

}  // namespace spry::block
