#include "cli/input.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "cli/signals.h"
#include "system/io.h"
#include "system/memory_file.h"
#include "system/open_failure.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;  // what a pipe holds

tl::unexpected<Error> input_error(std::string_view name, std::string_view rule) {
  return fail(ErrorCode::kMonitor, fmt::format("input {}: {}", name, rule));
}

tl::unexpected<Error> too_long(std::string_view name) {
  return input_error(name, fmt::format("longer than {} GiB", kMaximumInput >> 30));
}

// Reads `fd` to its end, into a memfd. An input that is empty has no memfd.
Result<Input> collect(int fd, std::string_view name) {
  std::vector<char> buffer(kChunk);
  Input input;
  while (true) {
    if (!SignalGuard::wait(fd)) return input_error(name, "interrupted by a signal");
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return input_error(name, fmt::format("cannot be read: {}", std::strerror(errno)));
    }
    if (got == 0) return input;
    input.size += static_cast<std::uint64_t>(got);
    if (input.size > kMaximumInput) return too_long(name);
    if (input.descriptor < 0) input.descriptor = memfd_create("spry-input", MFD_CLOEXEC);
    if (input.descriptor < 0 ||
        !write_all(input.descriptor, std::string_view(buffer.data(), static_cast<std::size_t>(got)))) {
      return input_error(name, fmt::format("cannot be kept in memory: {}", file_error(errno)));
    }
  }
}

}  // namespace

// Files of /proc and /sys claim a size of 0 or 4096 bytes, whatever they hold. They have no blocks and cannot be
// mapped. Some other files have no blocks either (all holes, or so small that they lie in the inode), but can be
// mapped.
bool has_its_size(int fd, const struct stat& status) {
  if (status.st_size == 0) return false;
  if (status.st_blocks != 0) return true;
  void* const mapped = mmap(nullptr, 1, PROT_READ, MAP_PRIVATE, fd, 0);
  return mapped != MAP_FAILED && munmap(mapped, 1) == 0;
}

Result<Input> open_input(const char* path) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer; `collect` waits for that.
  const bool standard = std::strcmp(path, "-") == 0;
  const std::string name = standard ? "-" : escape(path);
  const int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    return input_error(name, fmt::format("cannot be opened: {}", open_failure(errno, AT_FDCWD, path)));
  }
  if (S_ISDIR(status.st_mode)) return input_error(name, "is a directory");
  if (!S_ISREG(status.st_mode) || !has_its_size(fd, status)) return collect(fd, name);
  if (standard && lseek(fd, 0, SEEK_CUR) != 0) return collect(fd, name);
  Input input = Input::file(fd, static_cast<std::uint64_t>(status.st_size));
  if (input.size > kMaximumInput) return too_long(name);
  // A program that reads the same standard input later finds it at its end, as if this one had read it.
  if (standard) lseek(fd, status.st_size, SEEK_SET);
  return input;
}

}  // namespace spry
