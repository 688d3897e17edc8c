#include "cli/file_uses.h"

#include <fcntl.h>

#include <algorithm>

#include "text/format.h"

namespace spry {
namespace {

// The file's status. All zeros if there is no file: `add` then notes nothing, because that is no type of file.
struct stat look(const char* path) {
  struct stat status = {};
  return stat(path, &status) == 0 ? status : decltype(status){};
}

struct stat look(int descriptor) {
  struct stat status = {};
  return fstat(descriptor, &status) == 0 ? status : decltype(status){};
}

}  // namespace

Result<void> FileUses::read(const std::string& what, const char* path) { return add(look(path), {what, false, false}); }

Result<void> FileUses::read(const std::string& what, int descriptor) {
  return add(look(descriptor), {what, false, false});
}

Result<void> FileUses::read(const std::string& what, const struct stat& status) {
  return add(status, {what, false, false});
}

Result<void> FileUses::write(const std::string& what, const char* path) { return add(look(path), {what, true, false}); }

Result<void> FileUses::write(const std::string& what, int descriptor) {
  return add(look(descriptor), {what, true, false});
}

Result<void> FileUses::attach(const std::string& what, int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  return flags < 0 ? Result<void>() : add(look(descriptor), {what, (flags & O_ACCMODE) != O_RDONLY, true});
}

void FileUses::replaced(const std::string& what, const struct stat& before, int descriptor) {
  const struct stat now = look(descriptor);
  const std::lock_guard lock(mutex_);
  const auto [first, last] = uses_.equal_range(file_of(before));
  const auto its = std::find_if(first, last, [&what](const auto& use) { return use.second.what == what; });
  if (its != last) uses_.erase(its);
  uses_.emplace(file_of(now), Use{what, true, false});
}

FileUses::File FileUses::file_of(const struct stat& status) {
  return S_ISBLK(status.st_mode) ? File(true, status.st_rdev, 0) : File(false, status.st_dev, status.st_ino);
}

bool FileUses::conflict() const {
  const std::lock_guard lock(mutex_);
  return conflict_;
}

Result<void> FileUses::add(const struct stat& status, Use use) {
  if (!S_ISBLK(status.st_mode) && !S_ISREG(status.st_mode)) return {};
  const File file = file_of(status);
  const std::lock_guard lock(mutex_);
  const auto [first, last] = uses_.equal_range(file);
  for (auto at = first; at != last; ++at) {
    const Use& other = at->second;
    if (other.what == use.what && other.writes == use.writes) return {};
    if (other.what == use.what || !(use.writes || other.writes) || (use.device && other.device)) continue;
    conflict_ = true;
    const Use& writer = use.writes ? use : other;
    const Use& read = use.writes ? other : use;
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: is the same file as {}, which would be written over", writer.what, read.what));
  }
  uses_.emplace(file, std::move(use));
  return {};
}

}  // namespace spry
