#include "console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>

#include "capture.h"
#include "text/format.h"

namespace spry {
namespace {

// A write of at most PIPE_BUF bytes after POLLOUT does not block (pipe(7)), and is not torn.
constexpr std::size_t kPiece = PIPE_BUF;
// A write to a file does not wait, but a long one is cut into pieces so that a deadline is noticed.
constexpr std::size_t kFilePiece = std::size_t{1} << 20;

constexpr int kPause = 10;  // milliseconds

bool writable_now(int fd) {
  pollfd request = {fd, POLLOUT, 0};
  return poll(&request, 1, 0) == 1;
}

Result<std::unique_ptr<Device>> open_console(const DeviceNeed& need, std::optional<std::string_view> specification) {
  if (specification) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("console {}: takes no specification", need.name));
  }
  return std::make_unique<Console>(STDOUT_FILENO, STDERR_FILENO);
}

}  // namespace

Console::Console(int output, int diagnostics) {
  output_.descriptor = output;
  diagnostics_.descriptor = diagnostics;
}

Console::~Console() {
  for (const Stream* stream : {&output_, &diagnostics_}) {
    if (stream->own >= 0) close(stream->own);
  }
}

void Console::look_at(Stream& stream) {
  struct stat status;
  if (fstat(stream.descriptor, &status) != 0) return;
  stream.regular = S_ISREG(status.st_mode);
  stream.terminal = S_ISCHR(status.st_mode) && isatty(stream.descriptor) != 0;
  if (!stream.terminal || stream.own >= 0) return;
  // A terminal for which poll(2) says POLLOUT may take one byte and then block the write for as long as it is stopped.
  // O_NONBLOCK prevents that. It holds for everybody who shares an open file, so the terminal is opened anew.
  const std::string path = fmt::format("/proc/self/fd/{}", stream.descriptor);
  stream.own = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

ssize_t Console::write_piece(Stream& stream, std::span<const std::byte> bytes) {
  if (stream.own >= 0) return write(stream.own, bytes.data(), bytes.size());
  if (stream.can_refuse && !stream.regular) {
    // pwritev2(2) at offset -1 is write(2) with flags. By number, because not every C library has it.
    const iovec piece = {const_cast<std::byte*>(bytes.data()), bytes.size()};
    const long written = syscall(SYS_pwritev2, stream.descriptor, &piece, 1L, -1L, -1L, RWF_NOWAIT);
    if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return written;
    stream.can_refuse = false;
  }
  // Before Linux 6.5 writes to pipes cannot be told not to wait. There poll(2) is asked first: a piece after POLLOUT
  // does not block, unless somebody else has filled the pipe in between.
  if (!stream.regular && !writable_now(stream.descriptor)) {
    errno = EAGAIN;
    return -1;
  }
  return write(stream.descriptor, bytes.data(), bytes.size());
}

bool Console::begin() {
  look_at(output_);
  look_at(diagnostics_);
  return output_.terminal;
}

Result<void> Console::put(Guest& guest, std::uint32_t number, std::span<const std::byte> bytes, bool patient) {
  Stream& stream = number == SPRY_STREAM_OUTPUT ? output_ : diagnostics_;
  while (!bytes.empty()) {
    if (patient && !guest.wait(stream.descriptor, POLLOUT)) return {};
    const ssize_t written =
        write_piece(stream, bytes.first(std::min(bytes.size(), stream.regular ? kFilePiece : kPiece)));
    if (written < 0) {
      if (errno == EINTR || errno == EAGAIN) {
        // poll(2) said POLLOUT, and yet the write was refused: a terminal with room for one byte cannot take a line
        // feed, which becomes two. This lasts until someone reads, so it pauses instead of spinning.
        if (patient && errno == EAGAIN) poll(nullptr, 0, kPause);
        patient = true;
        continue;
      }
      return fail(code_for(errno, ErrorCode::kFile), fmt::format("cannot write output: {}", std::strerror(errno)));
    }
    guest.count_out(static_cast<std::uint64_t>(written));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

const Module console_module = {"console", "", open_console, console::open_capture};

}  // namespace spry
