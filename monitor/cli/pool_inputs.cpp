#include "cli/pool_inputs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "spry/machine.h"
#include "system/descriptor.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

tl::unexpected<Error> unreadable(std::string_view name) {
  return fail(ErrorCode::kMonitor, fmt::format("inputs {}: cannot be read: {}", escape(name), std::strerror(errno)));
}

tl::unexpected<Error> too_long(std::string_view name) {
  return fail(ErrorCode::kMonitor, fmt::format("inputs {}: longer than {} GiB", escape(name), kMaximumInput >> 30));
}

}  // namespace

// To its end, and not as far as it says: files of /proc and /sys do not know how long they are.
Result<std::string> PoolInputs::read_file(const std::string& name) const {
  constexpr std::size_t kLeast = 4096;
  const std::string path = fmt::format("{}/{}", directory_, name);
  const Descriptor file(openat(folder_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0) return unreadable(path);
  std::string bytes;
  std::size_t done = 0;
  while (true) {
    // One byte more than it says, so that its end is seen at once.
    if (done == bytes.size()) bytes.resize(std::max({static_cast<std::size_t>(status.st_size) + 1, 2 * done, kLeast}));
    const ssize_t got = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
    if (done > kMaximumInput) return too_long(path);
  }
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
  inputs.longest_ = 0;
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
  auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > kMaximumInput) return too_long(path);
  File file = {name, std::nullopt};
  if (size == 0) {
    auto bytes = read_file(name);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    size = bytes->size();
    file.bytes = *std::move(bytes);
  }
  if (auto used = files.read(fmt::format("input {}", escape(path)), status); !used) return used;
  files_.push_back(std::move(file));
  longest_ = std::max(*longest_, size);
  return {};
}

std::optional<std::uint64_t> PoolInputs::count() const {
  if (directory_ == nullptr) return std::nullopt;
  return files_.size() * repeat_;
}

// Reads the next file or line into current_; false if there is none.
Result<bool> PoolInputs::advance() {
  if (directory_ != nullptr) {
    if (next_file_ == files_.size()) return false;
    File& file = files_[next_file_++];
    current_.name = file.name;
    auto bytes = file.bytes ? Result<std::string>(*std::move(file.bytes)) : read_file(file.name);
    if (!bytes) return tl::unexpected(bytes.error());
    current_.bytes = *std::move(bytes);
    return true;
  }
  char* line = nullptr;
  std::size_t room = 0;
  errno = 0;
  const ssize_t length = getline(&line, &room, stdin);
  const std::unique_ptr<char, void (*)(void*)> owner(line, std::free);
  if (length < 0) return errno == 0 || std::feof(stdin) != 0 ? Result<bool>(false) : unreadable("-");
  current_.bytes.assign(line, static_cast<std::size_t>(length));
  if (current_.bytes.ends_with('\n')) current_.bytes.pop_back();
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
