// Functions that read or write all of something, however little a system call moves. They wait even if the descriptor
// is non-blocking, because another process that shares the pipe or terminal may have made it so. They return false on
// failure, with the cause in errno; if a file ends too early, errno stays as it was.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace spry {

// Waits until a call that failed with EINTR or EAGAIN can be tried again. False if it failed otherwise.
inline bool wait_to_try_again(int descriptor, short events) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd one = {descriptor, events, 0};
  return poll(&one, 1, -1) >= 0 || errno == EINTR;
}

// read(2) of at least one byte: how many, 0 at the end, or -1 with errno.
inline ssize_t read_some(int descriptor, std::span<std::byte> to) {
  ssize_t got;
  do {
    got = read(descriptor, to.data(), to.size());
  } while (got < 0 && wait_to_try_again(descriptor, POLLIN));
  return got;
}

// `write_some` is write(2), or is called and answers as write(2) does.
template <class Write>
bool write_all_by(Write write_some, int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write_some(descriptor, bytes.data(), bytes.size());
    if (written < 0 && wait_to_try_again(descriptor, POLLOUT)) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

inline bool write_all(int descriptor, std::span<const std::byte> bytes) {
  return write_all_by(write, descriptor, bytes);
}

inline bool write_all(int descriptor, std::string_view text) {
  return write_all(descriptor, std::as_bytes(std::span(text)));
}

inline bool write_all_at(int descriptor, std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return true;
}

inline bool read_all_at(int descriptor, std::span<std::byte> to, std::uint64_t offset) {
  while (!to.empty()) {
    const ssize_t got = pread(descriptor, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace spry
