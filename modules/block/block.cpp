#include "block.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "text/format.h"

namespace spry {
namespace {

// Transfers are cut into pieces, so that a deadline is noticed every 1 MiB (discards, which move no bytes: every 1
// GiB).
constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
constexpr std::uint64_t kDiscardPiece = std::uint64_t{1} << 30;

std::int64_t answer_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return -SPRY_ENOSPC;
    case EROFS:
    case EPERM:  // a sealed memfd, an immutable file, a block device set read-only
      return -SPRY_EROFS;
    case EFAULT:  // the guest's memory there maps a file, and the file was truncated
      return -SPRY_EFAULT;
    case EOPNOTSUPP:
    case ENOSYS:
      return -SPRY_EOPNOTSUPP;
    default:
      return -SPRY_EIO;
  }
}

// Calls step(done) until all of `length` is done or the run is to end. `step` does the next part, and returns the size
// of that part (which may be 0) or a negative answer for the guest. Returns how much was done, or that negative answer.
template <class Step>
std::int64_t in_pieces(Guest& guest, int descriptor, short events, std::uint64_t length, Step step) {
  std::uint64_t done = 0;
  while (true) {
    const std::int64_t result = step(done);
    if (result < 0) return result;
    done += static_cast<std::uint64_t>(result);
    if (done == length || !guest.wait(descriptor, events)) return static_cast<std::int64_t>(done);
  }
}

// The result of a step that made one pread or pwrite, which returned `result`.
std::int64_t transferred(ssize_t result) {
  if (result > 0) return result;
  if (result < 0 && errno == EINTR) return 0;
  // 0 bytes: the file became shorter than the disk.
  return result < 0 ? answer_for(errno) : -SPRY_EIO;
}

}  // namespace

Block::Block(std::unique_ptr<block::Medium> medium, std::uint32_t sector_size)
    : medium_(std::move(medium)), sector_size_(sector_size) {}

Result<std::int64_t> Block::call(Guest& guest, const DeviceCall& call) {
  switch (call.operation) {
    case SPRY_BLOCK_INFO:
      return info(guest, GuestPointer{call.a});
    case SPRY_BLOCK_READ:
      return read(guest, call.a, GuestPointer{call.b}, call.c);
    case SPRY_BLOCK_WRITE:
      return write(guest, call.a, GuestPointer{call.b}, call.c);
    case SPRY_BLOCK_FLUSH:
      return flush();
    case SPRY_BLOCK_DISCARD:
      return discard(guest, call.a, call.b);
    default:
      return -SPRY_ENOSYS;
  }
}

// A failed flush of an earlier action must not fail the flushes of this one.
void Block::attach(std::span<std::byte>) {
  medium_->forget();
  flush_failure_ = 0;
}

std::string Block::constants() const {
  return fmt::format("{} bytes in sectors of {}", medium_->capacity(), sector_size_);
}

Result<std::string> Block::save() {
  if (!medium_->forgettable()) return std::string();
  return fail(ErrorCode::kMonitor, "an overlay was written to before ready");
}

bool Block::has(std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t capacity = medium_->capacity();
  return length != 0 && (offset | length) % sector_size_ == 0 && offset < capacity && length <= capacity - offset;
}

std::int64_t Block::info(Guest& guest, GuestPointer answer) const {
  spry_block_info info = {medium_->capacity(), sector_size_, 0};
  if (medium_->read_only()) info.flags |= SPRY_BLOCK_READ_ONLY;
  if (medium_->discards()) info.flags |= SPRY_BLOCK_DISCARDS;
  return guest.write(answer, std::as_bytes(std::span(&info, 1))) ? 0 : -SPRY_EFAULT;
}

std::int64_t Block::read(Guest& guest, std::uint64_t offset, GuestPointer pointer, std::uint64_t length) {
  if (!has(offset, length)) return -SPRY_EINVAL;
  const std::optional<std::span<std::byte>> bytes = guest.resolve(pointer, length, Access::kWrite);
  if (!bytes) return -SPRY_EFAULT;
  return in_pieces(guest, medium_->descriptor(), POLLIN, length, [&](std::uint64_t done) {
    const std::span<std::byte> piece = bytes->subspan(done, std::min(length - done, kPiece));
    const std::int64_t result = transferred(medium_->read(piece, offset + done));
    if (result > 0) guest.count_in(static_cast<std::uint64_t>(result));
    return result;
  });
}

std::int64_t Block::write(Guest& guest, std::uint64_t offset, GuestPointer pointer, std::uint64_t length) {
  if (!has(offset, length)) return -SPRY_EINVAL;
  if (medium_->read_only()) return -SPRY_EROFS;
  const std::optional<std::span<std::byte>> bytes = guest.resolve(pointer, length, Access::kRead);
  if (!bytes) return -SPRY_EFAULT;
  return in_pieces(guest, medium_->descriptor(), POLLOUT, length, [&](std::uint64_t done) {
    const std::span<const std::byte> piece = bytes->subspan(done, std::min(length - done, kPiece));
    const std::int64_t result = transferred(medium_->write(piece, offset + done));
    if (result > 0) guest.count_out(static_cast<std::uint64_t>(result));
    return result;
  });
}

// The kernel reports a failed write-back once, and then forgets the pages (fsync(2)). So after one failure every flush
// of the action fails: a flush that succeeded later would promise data that is lost.
std::int64_t Block::flush() {
  if (flush_failure_ != 0) return flush_failure_;
  int error;
  do {
    error = medium_->flush();
  } while (error == EINTR);
  if (error != 0) flush_failure_ = answer_for(error);
  return flush_failure_;
}

std::int64_t Block::discard(Guest& guest, std::uint64_t offset, std::uint64_t length) {
  if (!has(offset, length)) return -SPRY_EINVAL;
  if (medium_->read_only()) return -SPRY_EROFS;
  const std::int64_t done =
      in_pieces(guest, medium_->descriptor(), POLLOUT, length, [&](std::uint64_t before) -> std::int64_t {
        const std::uint64_t piece = std::min(length - before, kDiscardPiece);
        const int error = medium_->discard(offset + before, piece);
        if (error == EINTR) return 0;
        return error == 0 ? static_cast<std::int64_t>(piece) : answer_for(error);
      });
  return std::min<std::int64_t>(done, 0);
}

}  // namespace spry
