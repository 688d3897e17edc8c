#include "console.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace spry {
namespace {

// The whole area: header and bytes. What is longer comes by SPRY_CONSOLE_WRITE.
constexpr std::size_t kSharedSize = 2048;

// A write of at most PIPE_BUF bytes after POLLOUT does not block (pipe(7)).
constexpr std::size_t kPiece = PIPE_BUF;
// A file takes what it gets, but a deadline should not wait for all of a long write.
constexpr std::size_t kFilePiece = std::size_t{1} << 20;

bool writable_now(int fd) {
  pollfd request = {fd, POLLOUT, 0};
  return poll(&request, 1, 0) == 1;
}

Result<std::unique_ptr<Device>> open_console(const DeviceNeed& need, std::optional<std::string_view> specification) {
  if (specification) {
    return fail(ErrorCode::kMonitor, fmt::format("console {}: takes no specification", need.name));
  }
  return std::make_unique<Console>(STDOUT_FILENO, STDERR_FILENO);
}

}  // namespace

Console::Console(int output, int diagnostics) {
  output_.descriptor = output;
  diagnostics_.descriptor = diagnostics;
}

void Console::look_at(Stream& stream) {
  if (stream.known) return;
  stream.known = true;
  struct stat status;
  if (fstat(stream.descriptor, &status) != 0) return;
  stream.regular = S_ISREG(status.st_mode);
  stream.terminal = S_ISCHR(status.st_mode) && isatty(stream.descriptor) != 0;
}

std::size_t Console::shared_size() const { return kSharedSize; }

void Console::attach(std::span<std::byte> shared) {
  look_at(output_);
  shared_ = shared;
  const spry_console header = {0, output_.terminal ? SPRY_CONSOLE_TERMINAL : 0};
  std::memcpy(shared_.data(), &header, sizeof header);
}

Result<void> Console::write_out(Guest& guest, Stream& stream, std::span<const std::byte> bytes, bool patient) {
  look_at(stream);
  const int fd = stream.descriptor;
  while (!bytes.empty()) {
    const bool must_wait = patient || !(stream.regular || writable_now(fd));
    if (must_wait && !guest.wait(fd, POLLOUT)) return {};
    const std::size_t length = std::min(bytes.size(), stream.regular ? kFilePiece : kPiece);
    const ssize_t written = write(fd, bytes.data(), length);
    if (written < 0) {
      // Someone else filled the pipe in between: the write was interrupted, or the descriptor is non-blocking.
      if (errno == EINTR || errno == EAGAIN) {
        patient = true;
        continue;
      }
      return fail(ErrorCode::kMonitor, fmt::format("cannot write output: {}", std::strerror(errno)));
    }
    guest.count_out(static_cast<std::uint64_t>(written));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> Console::on_exit(Guest& guest) {
  if (shared_.empty()) return {};
  std::uint32_t length;
  std::memcpy(&length, shared_.data() + offsetof(spry_console, length), sizeof length);
  if (length == 0) return {};
  const std::span<const std::byte> bytes = shared_.subspan(sizeof(spry_console));
  const std::uint32_t none = 0;
  std::memcpy(shared_.data() + offsetof(spry_console, length), &none, sizeof none);
  return write_out(guest, output_, bytes.first(std::min<std::size_t>(length, bytes.size())), false);
}

Result<std::int64_t> Console::call(Guest& guest, const DeviceCall& call) {
  if (call.operation != SPRY_CONSOLE_WRITE) return -SPRY_ENOSYS;
  if (call.a != SPRY_STREAM_OUTPUT && call.a != SPRY_STREAM_DIAGNOSTICS) return -SPRY_EINVAL;
  const std::optional<std::span<std::byte>> bytes = guest.resolve(GuestPointer{call.b}, call.c, Access::kRead);
  if (!bytes) return -SPRY_EFAULT;
  // What the guest printed before comes first, also where both streams are the same file.
  Result<void> done = on_exit(guest);
  if (done) done = write_out(guest, call.a == SPRY_STREAM_OUTPUT ? output_ : diagnostics_, *bytes, true);
  if (!done) return tl::unexpected(std::move(done.error()));
  return static_cast<std::int64_t>(call.c);
}

const Module console_module = {"console", "", open_console};

}  // namespace spry
