#include "cli/pool_inputs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "spry/machine.h"
#include "system/descriptor.h"
#include "system/io.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

tl::unexpected<Error> unreadable(std::string_view name) {
  return fail(ErrorCode::kMonitor, fmt::format("inputs {}: cannot be read: {}", escape(name), std::strerror(errno)));
}

constexpr std::uint64_t kMostUnasked = std::uint64_t{256} << 20;

}  // namespace

// Reads a file to its end, and not as far as its size says: files of /proc and /sys do not know their size.
Result<std::optional<std::string>> PoolInputs::read_file(const std::string& name, std::uint64_t most) const {
  constexpr std::uint64_t kLeast = 4096;
  const std::string path = fmt::format("{}/{}", directory_, name);
  const Descriptor file(openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0) return unreadable(path);
  const auto said = static_cast<std::uint64_t>(status.st_size);
  if (said > most) return std::nullopt;
  std::string bytes;
  std::uint64_t done = 0;
  while (done <= most) {
    // Room for one byte more than the size, so that the end is seen at once.
    if (done == bytes.size()) bytes.resize(std::min(std::max({said + 1, 2 * done, kLeast}), most + 1));
    const ssize_t got = read_some(file.get(), std::as_writable_bytes(std::span(bytes)).subspan(done));
    if (got < 0) return unreadable(path);
    if (got == 0) break;
    done += static_cast<std::uint64_t>(got);
  }
  if (done > most) return std::nullopt;
  bytes.resize(done);
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
  std::sort(inputs.files_.begin(), inputs.files_.end(), [](const File& a, const File& b) { return a.name < b.name; });
  return inputs;
}

// Adds the file `name`, if it is a regular one.
Result<void> PoolInputs::add(const std::string& name, FileUses& files) {
  struct stat status;
  if (fstatat(folder_.get(), name.c_str(), &status, 0) != 0 || !S_ISREG(status.st_mode)) return {};
  const std::string path = fmt::format("{}/{}", directory_, name);
  File file = {name, static_cast<std::uint64_t>(status.st_size), std::nullopt};
  if (file.size > kMaximumInput) {
    return fail(ErrorCode::kMonitor, fmt::format("inputs {}: longer than {} GiB", escape(path), kMaximumInput >> 30));
  }
  if (file.size == 0) {
    auto bytes = read_file(name, kMostUnasked);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    file.bytes = *std::move(bytes);
    file.size = file.bytes ? file.bytes->size() : kMostUnasked + 1;
  }
  if (auto used = files.read(fmt::format("input {}", escape(path)), status); !used) return used;
  longest_ = std::max(longest_, file.size);
  files_.push_back(std::move(file));
  return {};
}

std::optional<std::uint64_t> PoolInputs::count() const {
  if (directory_ == nullptr) return std::nullopt;
  return files_.size() * repeat_;
}

std::uint64_t PoolInputs::needed() const {
  return directory_ == nullptr ? kDefaultMaximumInput : std::min(longest_, kMostUnasked);
}

void PoolInputs::refuse(std::string_view what) {
  current_.bytes.clear();
  current_.refused = Error{ErrorCode::kMonitor,
                           fmt::format("{} than the {} bytes that an input may have (--max-input)", what, limit_)};
}

// Reads the next file or line into current_; false if there is none.
Result<bool> PoolInputs::advance() {
  current_ = PoolInput();
  if (directory_ != nullptr) {
    if (next_file_ == files_.size()) return false;
    File& file = files_[next_file_++];
    current_.name = file.name;
    if (file.size > limit_) {
      refuse(fmt::format("its {} bytes are more", file.size));
      return true;
    }
    auto bytes = file.bytes ? Result<std::optional<std::string>>(std::move(file.bytes)) : read_file(file.name, limit_);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (*bytes) {
      current_.bytes = **std::move(bytes);
    } else {
      refuse("it is longer");
    }
    return true;
  }
  auto line = lines_.next(limit_);
  if (!line) {
    errno = lines_.error();
    return errno == 0 ? Result<bool>(false) : unreadable("-");
  }
  current_.bytes = std::move(line->bytes);
  if (line->cut) refuse("the line is longer");
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
  return std::optional<PoolInput>(current_);
}

}  // namespace spry
