#include "file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "text/format.h"

namespace spry::block {
namespace {

tl::unexpected<Error> refuse(std::string_view about, std::string_view rule) {
  return fail(ErrorCode::kFile, fmt::format("{}: {}", about, rule));
}

tl::unexpected<Error> cannot(std::string_view about, std::string_view what) {
  return fail(code_for(errno, ErrorCode::kFile),
              fmt::format("{}: cannot be {}: {}", about, what, std::strerror(errno)));
}

// Opens without waiting for a FIFO's other end. A block device that will be written is opened exclusively: this fails
// if something else uses it, such as a mounted file system.
int open_file(const char* path, bool read_only) {
  const int flags = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  if (read_only) return ::open(path, flags);
  // O_EXCL without O_CREAT has a meaning for block devices alone (open(2)).
  struct stat status;
  const bool device = stat(path, &status) == 0 && S_ISBLK(status.st_mode);
  return ::open(path, device ? flags | O_EXCL : flags);
}

}  // namespace

Result<void> check_write_limit(std::string_view about, std::uint64_t capacity) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && capacity > limit.rlim_cur) {
    return fail(ErrorCode::kResources,
                fmt::format("{}: its {} bytes are more than the {} that this process may write (RLIMIT_FSIZE)", about,
                            capacity, limit.rlim_cur));
  }
  return {};
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      read_only_(other.read_only_),
      shared_(other.shared_),
      device_(other.device_),
      capacity_(other.capacity_) {}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<File> File::open(std::string_view name, const Specification& specification) {
  const std::string about = fmt::format("block {}: {}", name, specification.path);
  const bool read_only = specification.read_only || specification.overlay;
  File file(open_file(specification.path.c_str(), read_only));
  if (file.descriptor_ < 0) {
    if (errno == EBUSY) return refuse(about, "in use: it is mounted, or another process has it for itself");
    if (errno == ENXIO) return refuse(about, "is neither a regular file nor a block device");  // a socket, say
    return cannot(about, read_only ? "opened" : "opened for writing");
  }
  file.read_only_ = read_only;
  file.shared_ = specification.shared;
  if (Result<void> examined = file.examine(about, specification.sector_size); !examined) {
    return tl::unexpected(std::move(examined.error()));
  }
  struct flock lock = {};
  lock.l_type = read_only || specification.shared ? F_RDLCK : F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(file.descriptor_, F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) return cannot(about, "locked");
    return refuse(about, read_only ? "locked: another process has it open for writing"
                                   : "locked: another process has it open (to share it, all must open it with ro)");
  }
  return file;
}

Result<void> File::examine(std::string_view about, std::uint32_t sector_size) {
  struct stat status;
  if (fstat(descriptor_, &status) != 0) return cannot(about, "examined");
  if (S_ISREG(status.st_mode)) {
    capacity_ = static_cast<std::uint64_t>(status.st_size);
  } else if (S_ISBLK(status.st_mode)) {
    device_ = true;
    if (ioctl(descriptor_, BLKGETSIZE64, &capacity_) != 0) return cannot(about, "measured");
  } else {
    return refuse(about, "is neither a regular file nor a block device");
  }
  if (capacity_ == 0) return refuse(about, "is empty: a disk has at least one sector");
  if (capacity_ % sector_size != 0) {
    return refuse(about, fmt::format("its {} bytes are no multiple of the sector size {}", capacity_, sector_size));
  }
  // A file of /sys claims the size of a page, and has fewer bytes.
  std::byte last;
  if (!device_ && pread(descriptor_, &last, 1, static_cast<off_t>(capacity_ - 1)) != 1) {
    return refuse(about, fmt::format("has fewer than the {} bytes that it says it has", capacity_));
  }
  if (device_ || read_only_) return {};
  return check_write_limit(about, capacity_);
}

std::string File::single_use() const {
  if (read_only_ || shared_) return {};
  return "what one action writes to the disk would be there for the next (ro, overlay or shared say otherwise)";
}

ssize_t File::read(std::span<std::byte> bytes, std::uint64_t offset) {
  return pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
}

ssize_t File::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  return pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
}

int File::flush() {
  // Nothing was written that a flush could make durable.
  if (read_only_) return 0;
  return fdatasync(descriptor_) == 0 ? 0 : errno;
}

// Tries a discard that cannot discard anything. For a file it is one beyond the end. For a block device it is a
// misaligned one, which fails with EOPNOTSUPP only if the device cannot discard at all.
bool File::discards() const {
  if (read_only_) return false;
  if (device_) {
    std::uint64_t misaligned[2] = {1, 1};
    return ioctl(descriptor_, BLKDISCARD, misaligned) == 0 || errno != EOPNOTSUPP;
  }
  constexpr off_t kLength = 4096;
  return fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(capacity_), kLength) ==
         0;
}

int File::discard(std::uint64_t offset, std::uint64_t length) {
  if (device_) {
    std::uint64_t range[2] = {offset, length};
    if (ioctl(descriptor_, BLKDISCARD, range) == 0) return 0;
    // EINVAL: the device's own sectors are larger than the disk's.
    return errno == EINVAL ? EOPNOTSUPP : errno;
  }
  return fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                   static_cast<off_t>(length)) == 0
             ? 0
             : errno;
}

}  // namespace spry::block
