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

Result<std::string> read_file(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0) return unreadable(path);
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

Result<PoolInputs> PoolInputs::open(const char* directory, std::uint64_t repeat) {
  PoolInputs inputs;
  inputs.repeat_ = inputs.repeated_ = repeat;
  if (directory == nullptr) return inputs;
  inputs.directory_ = directory;
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(opendir(directory), closedir);
  if (opened == nullptr) return unreadable(directory);
  inputs.longest_ = 0;
  errno = 0;
  while (const dirent* entry = readdir(opened.get())) {
    struct stat status;
    if (fstatat(dirfd(opened.get()), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode)) {
      const auto size = static_cast<std::uint64_t>(status.st_size);
      if (size > kMaximumInput) {
        return fail(ErrorCode::kMonitor, fmt::format("inputs {}/{}: longer than {} GiB", escape(directory),
                                                     escape(entry->d_name), kMaximumInput >> 30));
      }
      inputs.files_.emplace_back(entry->d_name);
      inputs.longest_ = std::max(*inputs.longest_, size);
    }
    errno = 0;
  }
  if (errno != 0) return unreadable(directory);
  std::sort(inputs.files_.begin(), inputs.files_.end());
  return inputs;
}

std::optional<std::uint64_t> PoolInputs::count() const {
  if (directory_.empty()) return std::nullopt;
  return files_.size() * repeat_;
}

// Reads the next file or line into current_; false if there is none.
Result<bool> PoolInputs::advance() {
  if (!directory_.empty()) {
    if (next_file_ == files_.size()) return false;
    current_.name = files_[next_file_++];
    auto bytes = read_file(directory_ + "/" + current_.name);
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
