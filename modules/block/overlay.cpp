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

constexpr std::uint64_t kPage = kLeastOverlay;

constexpr std::uint64_t pages_for(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage; }

tl::unexpected<Error> no_overlay(std::string_view about) {
  return fail(code_for(errno, ErrorCode::kResources),
              fmt::format("{}: no memory for an overlay: {}", about, std::strerror(errno)));
}

}  // namespace

Overlay::Overlay(File base, Descriptor memory, Bitmap written, Bitmap kept, const Specification& specification)
    : base_(std::move(base)),
      sector_size_(specification.sector_size),
      most_pages_(specification.overlay_size / kPage),
      memory_(std::move(memory)),
      written_(std::move(written)),
      kept_(std::move(kept)) {}

Result<Overlay> Overlay::create(std::string_view name, const Specification& specification, File base) {
  const std::uint64_t capacity = base.capacity();
  // The limit on the size of files holds for a memfd too.
  const std::string about = fmt::format("block {}: {}", name, specification.path);
  if (Result<void> may = check_write_limit(about, capacity); !may) return tl::unexpected(std::move(may.error()));
  Descriptor memory(memfd_create("spry-overlay", MFD_CLOEXEC));
  if (!memory || ftruncate(memory.get(), static_cast<off_t>(capacity)) != 0) return no_overlay(about);
  auto written = Bitmap::create(capacity / specification.sector_size);
  if (!written) return no_overlay(about);
  auto kept = Bitmap::create(pages_for(capacity));
  if (!kept) return no_overlay(about);
  return Overlay(std::move(base), std::move(memory), *std::move(written), *std::move(kept), specification);
}

void Overlay::mark(std::uint64_t offset, std::uint64_t length) {
  forgettable_ = true;
  written_.set(offset / sector_size_, (offset + length) / sector_size_);
}

std::uint64_t Overlay::room_for(std::uint64_t offset, std::uint64_t length) const {
  std::uint64_t room = most_pages_ - pages_;
  const std::uint64_t end = offset + length;
  for (std::uint64_t page = offset / kPage; page * kPage < end; ++page) {
    if (kept_[page]) continue;
    if (room == 0) return std::max(page * kPage, offset) - offset;
    --room;
  }
  return length;
}

// Reads from the memfd or from the file below, and only up to where the other one has the next sector. A read may begin
// within a sector, because the one before it may have ended there.
ssize_t Overlay::read(std::span<std::byte> bytes, std::uint64_t offset) {
  const std::uint64_t last = (offset + bytes.size() - 1) / sector_size_;
  std::uint64_t sector = offset / sector_size_;
  const bool written = written_[sector];
  while (sector < last && written_[sector + 1] == written) ++sector;
  const std::uint64_t length = std::min<std::uint64_t>(bytes.size(), (sector + 1) * sector_size_ - offset);
  if (!written) return base_.read(bytes.first(length), offset);
  return pread(memory_.get(), bytes.data(), length, static_cast<off_t>(offset));
}

// Counts whole sectors only: the caller writes the rest of a sector that was cut short again.
ssize_t Overlay::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  const std::uint64_t room = room_for(offset, bytes.size());
  if (room == 0) {
    errno = ENOSPC;
    return -1;
  }
  const ssize_t written = pwrite(memory_.get(), bytes.data(), room, static_cast<off_t>(offset));
  if (written <= 0) return written;
  const std::uint64_t end = offset + static_cast<std::uint64_t>(written);
  const std::uint64_t first_page = offset / kPage;
  const std::uint64_t end_page = pages_for(end);
  pages_ += end_page - first_page - kept_.count(first_page, end_page);
  kept_.set(first_page, end_page);
  const std::uint64_t whole = static_cast<std::uint64_t>(written) / sector_size_ * sector_size_;
  mark(offset, whole);
  errno = EINTR;
  return whole == 0 ? -1 : static_cast<ssize_t>(whole);
}

// Makes [offset, end) of the memfd zeros, and gives back its whole pages.
int Overlay::punch(std::uint64_t offset, std::uint64_t end) {
  const int done = fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                             static_cast<off_t>(end - offset));
  return done == 0 ? 0 : errno;
}

int Overlay::discard(std::uint64_t offset, std::uint64_t length) {
  // The disk may end within a page: a discard up to the disk's end gives that page back too.
  const std::uint64_t end = offset + length == capacity() ? pages_for(capacity()) * kPage : offset + length;
  if (const int error = punch(offset, end); error != 0) return error;
  const std::uint64_t first_page = pages_for(offset);
  const std::uint64_t end_page = std::max(first_page, end / kPage);
  pages_ -= kept_.count(first_page, end_page);
  kept_.clear(first_page, end_page);
  mark(offset, length);
  return 0;
}

// Clearing the bitmap is enough to forget what the memfd has. The hole gives the memory back; if it cannot be made, the
// pages still count.
void Overlay::forget() {
  if (!forgettable_) return;
  if (punch(0, pages_for(capacity()) * kPage) == 0) {
    kept_.reset();
    pages_ = 0;
  }
  written_.reset();
  forgettable_ = false;
}

}  // namespace spry::block
