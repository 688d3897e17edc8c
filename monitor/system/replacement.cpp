#include "system/replacement.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "system/same_file.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::size_t kLongestPath = 1024;  // in a sentence
constexpr int kAttempts = 100;

// The path of the file that `path` names, with links in its last part followed; or nothing, with the cause in errno.
std::optional<std::string> follow(std::string path) {
  constexpr int kMostLinks = 40;  // as the kernel follows
  for (int links = 0; links < kMostLinks; ++links) {
    std::array<char, PATH_MAX> text;
    const ssize_t length = readlink(path.c_str(), text.data(), text.size());
    if (length < 0) return errno == EINVAL || errno == ENOENT ? std::optional(std::move(path)) : std::nullopt;
    const std::string target(text.data(), static_cast<std::size_t>(length));
    const std::size_t slash = path.rfind('/');
    if (target.starts_with('/') || slash == std::string::npos) {
      path = target;
    } else {
      path.replace(slash + 1, std::string::npos, target);
    }
  }
  errno = ELOOP;
  return std::nullopt;
}

// A random name, which hardly anything has; empty if there are no random bytes.
std::string unused_name() {
  std::uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) return {};
  return fmt::format(".spry-{:016x}", random);
}

std::string own_path(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

}  // namespace

Replacement::~Replacement() {
  if (!beside_.empty()) unlinkat(folder_.get(), beside_.c_str(), 0);
}

Result<void> Replacement::open(const std::string& path) {
  constexpr mode_t kPermissions = 0777;
  constexpr mode_t kUsual = 0666;  // as open(2) would make it: the umask takes some away
  path_ = escape(path, kLongestPath);
  const auto cannot = [this](int error, std::string_view why = {}) {
    return fail(code_for(error, ErrorCode::kFile),
                fmt::format("{}: cannot be written: {}", path_, why.empty() ? std::strerror(error) : why));
  };
  struct stat there;
  // Asking the kernel first also refuses links that it does not follow (protected_symlinks).
  const bool replaces = stat(path.c_str(), &there) == 0;
  if (!replaces && errno != ENOENT) return cannot(errno);
  if (replaces && S_ISDIR(there.st_mode)) return cannot(EISDIR);
  if (replaces && !S_ISREG(there.st_mode)) return cannot(EINVAL, "it is no regular file");
  if (!find(path)) return cannot(errno);
  struct stat found;
  if (replaces &&
      (fstatat(folder_.get(), name_.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0 || !same_file(found, there))) {
    return cannot(ENOENT, "the file has no name under which it could be replaced");
  }
  if (!make(replaces ? there.st_mode & kPermissions : kUsual)) return cannot(errno);
  if (!replaces) return {};
  if (fchmod(file_.get(), there.st_mode & kPermissions) != 0) return cannot(errno);
  // Only root can give the new file to the old one's owner. For other users this fails, and the new file is theirs.
  static_cast<void>(!fchown(file_.get(), there.st_uid, there.st_gid));
  return {};
}

// Finds folder_ and name_.
bool Replacement::find(const std::string& path) {
  const std::optional<std::string> followed = follow(path);
  if (!followed) return false;
  const std::size_t slash = followed->rfind('/');
  name_ = followed->substr(slash == std::string::npos ? 0 : slash + 1);
  if (name_.empty()) {
    errno = path.empty() ? ENOENT : EISDIR;
    return false;
  }
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : followed->substr(0, slash);
  folder_ = Descriptor(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return static_cast<bool>(folder_);
}

bool Replacement::make(unsigned mode) {
  file_ = Descriptor(openat(folder_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
  // An unnamed file gets its name through /proc, so without /proc it is of no use.
  if (file_ && access(own_path(file_.get()).c_str(), F_OK) == 0) return true;
  return make_named(mode);
}

bool Replacement::make_named(unsigned mode) {
  blocked_.emplace();
  for (int i = 0; i < kAttempts; ++i) {
    const std::string name = unused_name();
    if (name.empty()) return false;
    file_ = Descriptor(openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file_) beside_ = name;
    if (file_ || errno != EEXIST) return static_cast<bool>(file_);
  }
  return false;
}

// Gives an unnamed file its final name, or a temporary name if there is a file of the final name.
bool Replacement::name_it() {
  const std::string unnamed = own_path(file_.get());
  const auto link = [&](const std::string& name) {
    return linkat(AT_FDCWD, unnamed.c_str(), folder_.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (link(name_)) return true;
  for (int i = 0; i < kAttempts && errno == EEXIST; ++i) {
    const std::string name = unused_name();
    if (name.empty()) return false;
    if (!link(name)) continue;
    beside_ = name;
    return true;
  }
  return false;
}

Result<void> Replacement::commit() {
  if (!blocked_) blocked_.emplace();  // so that no signal ends the process while the file has a temporary name
  bool done = !beside_.empty() || name_it();
  if (done && !beside_.empty()) {
    done = renameat(folder_.get(), beside_.c_str(), folder_.get(), name_.c_str()) == 0;
    if (done) beside_.clear();
  }
  if (!done)
    return fail(code_for(errno, ErrorCode::kFile),
                fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
  blocked_.reset();
  return {};
}

}  // namespace spry
