#include "cli/pool_inputs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/input.h"
#include "spry/machine.h"
#include "system/descriptor.h"
#include "system/open_failure.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

tl::unexpected<Error> unreadable(std::string_view name) {
  return fail(ErrorCode::kMonitor, fmt::format("inputs {}: cannot be read: {}", escape(name), std::strerror(errno)));
}

constexpr std::uint64_t kMostUnasked = std::uint64_t{256} << 20;

}  // namespace

tl::unexpected<Error> PoolInputs::too_long(std::string_view what) const {
  return fail(ErrorCode::kMonitor,
              fmt::format("{} than the {} bytes that an input may have (--max-input)", what, limit_));
}

// Reads a file to its end, whatever its size says: files of /proc and /sys have a wrong size.
Result<std::string> PoolInputs::read_file(const char* name) const {
  // Reads a multiple of a page at a time: some files of /proc have records, which smaller pieces would cut.
  constexpr std::uint64_t kPiece = 4096;
  const auto above = [](std::uint64_t bytes) { return (bytes / kPiece + 1) * kPiece; };
  const auto unread = [](std::string_view why) {
    return fail(ErrorCode::kMonitor, fmt::format("cannot be read: {}", why));
  };
  const auto failed = [&](int error) {
    return unread(error == EAGAIN ? "it would have to be waited for" : open_failure(error, folder_.get(), name));
  };
  constexpr std::string_view kNoFile = "it is no regular file";
  struct stat status;
  // Opening a device may have effects, so this looks before it opens; and again afterwards, because another file may
  // have taken the name.
  if (fstatat(folder_.get(), name, &status, 0) != 0) return failed(errno);
  if (!S_ISREG(status.st_mode)) return unread(kNoFile);
  const Descriptor file(openat(folder_.get(), name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file || fstat(file.get(), &status) != 0) return failed(errno);
  if (!S_ISREG(status.st_mode)) return unread(kNoFile);
  const std::uint64_t size = has_its_size(file.get(), status) ? static_cast<std::uint64_t>(status.st_size) : 0;
  if (size > limit_) return too_long(fmt::format("its {} bytes are more", size));
  std::string bytes;
  std::uint64_t done = 0;
  while (done <= limit_) {
    // Room for more than the size, so that the end is seen at once.
    if (done == bytes.size()) bytes.resize(std::min(std::max(above(size), 2 * done), above(limit_)));
    // Not read_some, which would wait.
    const ssize_t got = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno);
    if (got == 0) break;
    done += static_cast<std::uint64_t>(got);
  }
  if (done > limit_) return too_long("it is longer");
  bytes.resize(done);
  if (done > size) bytes.shrink_to_fit();
  return bytes;
}

Result<PoolInputs> PoolInputs::open(const char* directory, std::uint64_t repeat, FileUses& files) {
  PoolInputs inputs;
  inputs.repeat_ = inputs.repeated_ = repeat;
  if (directory == nullptr) return inputs;
  inputs.directory_ = directory;
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(opendir(directory), closedir);
  if (opened == nullptr) return unreadable(directory);
  inputs.folder_ = Descriptor(fcntl(dirfd(opened.get()), F_DUPFD_CLOEXEC, 0));
  if (!inputs.folder_) return unreadable(directory);
  errno = 0;
  while (const dirent* entry = readdir(opened.get())) {
    if (auto added = inputs.add(entry->d_name, files); !added) return tl::unexpected(std::move(added.error()));
    errno = 0;
  }
  if (errno != 0) return unreadable(directory);
  std::sort(inputs.names_.begin(), inputs.names_.end());
  return inputs;
}

// Adds the entry `name`, if it is no directory. A file that cannot be read fails later, when it is the next input.
Result<void> PoolInputs::add(const char* name, FileUses& files) {
  struct stat status;
  if (fstatat(folder_.get(), name, &status, 0) != 0) status = {};
  if (S_ISDIR(status.st_mode)) return {};
  names_.emplace_back(name);
  if (!S_ISREG(status.st_mode)) return {};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // A file of size 0 may be one of /proc that has bytes.
  longest_ = std::max(longest_, size == 0 ? kDefaultMaximumInput : size);
  return files.read(fmt::format("input {}", escape(fmt::format("{}/{}", directory_, name))), status);
}

std::optional<std::uint64_t> PoolInputs::count() const {
  if (directory_ == nullptr) return std::nullopt;
  return names_.size() * repeat_;
}

std::uint64_t PoolInputs::needed() const {
  return directory_ == nullptr ? kDefaultMaximumInput : std::min(longest_, kMostUnasked);
}

// Reads the next file or line into current_; false if there is none.
Result<bool> PoolInputs::advance() {
  current_ = PoolInput();
  if (directory_ != nullptr) {
    if (next_file_ == names_.size()) return false;
    current_.name = names_[next_file_++];
    current_.bytes = read_file(current_.name.c_str());
    return true;
  }
  auto line = lines_.next(limit_);
  if (!line) {
    errno = lines_.error();
    return errno == 0 ? Result<bool>(false) : unreadable("-");
  }
  if (line->cut) {
    current_.bytes = too_long("the line is longer");
  } else {
    current_.bytes = std::move(line->bytes);
  }
  current_.name = fmt::format("{}", ++line_);
  return true;
}

Result<std::optional<PoolInput>> PoolInputs::next() {
  if (repeated_ == repeat_) {
    auto there = advance();
    if (!there) return tl::unexpected(there.error());
    if (!*there) return std::optional<PoolInput>();
    repeated_ = 0;
  }
  ++repeated_;
  return repeated_ == repeat_ ? std::optional(std::move(current_)) : std::optional(current_);
}

}  // namespace spry
