#include "stream.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "spry/abi.h"
#include "text/format.h"

namespace spry::net {
namespace {

using Prefix = std::uint32_t;  // a frame's length, in network byte order

// No Ethernet frame is longer, not even with segmentation offload: a longer one means that the stream is out of step.
constexpr std::size_t kLongestFrame = std::size_t{68} << 10;
// Room for a whole frame behind part of another; one system call can bring several short ones.
constexpr std::size_t kBufferSize = 2 * (sizeof(Prefix) + kLongestFrame);

}  // namespace

Stream::Stream(int descriptor)
    : Channel(descriptor), buffer_(std::make_unique_for_overwrite<std::byte[]>(kBufferSize)) {}

Result<std::unique_ptr<Channel>> Stream::connect(std::string_view who, const std::string& path) {
  const auto refuse = [&](std::string_view what) {
    return fail(code_for(errno, ErrorCode::kFile), fmt::format("{}: cannot {}: {}", who, what, std::strerror(errno)));
  };
  // Non-blocking: a listener whose queue is full answers EAGAIN (unix(7)).
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return refuse("open a socket");
  auto stream = std::make_unique<Stream>(descriptor);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return refuse("connect");
  return stream;
}

int Stream::explain(int error) {
  if (error == EINTR) return -EAGAIN;
  if (error != EPIPE && error != ECONNRESET && error != ENOTCONN && error != ECONNREFUSED) return -error;
  gone_ = true;
  return -ENETDOWN;
}

bool Stream::take(Frame& frame) {
  Prefix prefix;
  if (gone_ || end_ - start_ < sizeof prefix) return false;
  std::memcpy(&prefix, &buffer_[start_], sizeof prefix);
  const std::size_t length = ntohl(prefix);
  if (length > kLongestFrame) {
    gone_ = true;
    return false;
  }
  if (end_ - start_ - sizeof prefix < length) return false;
  frame.cut = length > frame.memory.size();
  frame.length = std::min(length, frame.memory.size());
  if (!store(frame.memory, {&buffer_[start_ + sizeof prefix], frame.length})) frame.cut = true;
  start_ += sizeof prefix + length;
  return true;
}

bool Stream::ready() const {
  Prefix prefix;
  if (gone_) return true;
  if (end_ - start_ < sizeof prefix) return false;
  std::memcpy(&prefix, &buffer_[start_], sizeof prefix);
  const std::size_t length = ntohl(prefix);
  return length > kLongestFrame || end_ - start_ - sizeof prefix >= length;
}

int Stream::fill() {
  if (start_ > 0) std::memmove(buffer_.get(), &buffer_[start_], end_ - start_);
  end_ -= std::exchange(start_, 0);
  const ssize_t received = recv(descriptor(), &buffer_[end_], kBufferSize - end_, MSG_DONTWAIT);
  if (received < 0) return explain(errno);
  if (received == 0) {
    gone_ = true;
    return -ENETDOWN;
  }
  end_ += static_cast<std::size_t>(received);
  return 0;
}

int Stream::receive(std::span<Frame> frames) {
  std::size_t count = 0;
  while (count < frames.size()) {
    if (take(frames[count])) {
      ++count;
      continue;
    }
    const int error = gone_ ? -ENETDOWN : fill();
    if (error != 0) return count > 0 ? static_cast<int>(count) : error;
  }
  return static_cast<int>(count);
}

bool Stream::finish(Guest& guest, std::span<const std::byte> rest) {
  while (!rest.empty()) {
    if (!guest.wait(descriptor(), POLLOUT)) return false;
    const ssize_t sent = ::send(descriptor(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      rest = rest.subspan(static_cast<std::size_t>(sent));
    } else if (const int error = explain(errno); error != -EAGAIN) {
      gone_ = true;
      return false;
    }
  }
  return true;
}

int Stream::send(Guest& guest, std::span<const Frame> frames) {
  if (gone_) return -ENETDOWN;
  std::array<Prefix, SPRY_NET_BATCH_MAX> prefixes;
  std::array<iovec, 2 * SPRY_NET_BATCH_MAX> parts;
  const std::size_t count = std::min(frames.size(), prefixes.size());
  for (std::size_t i = 0; i < count; ++i) {
    prefixes[i] = htonl(static_cast<Prefix>(frames[i].memory.size()));
    parts[2 * i] = {&prefixes[i], sizeof(Prefix)};
    parts[2 * i + 1] = {frames[i].memory.data(), frames[i].memory.size()};
  }
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = 2 * count;
  const ssize_t result = sendmsg(descriptor(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (result < 0) return explain(errno);
  auto sent = static_cast<std::size_t>(result);
  // The socket may have taken any number of bytes: a frame that is partly sent must be finished.
  for (std::size_t part = 0; part < 2 * count; ++part) {
    if (sent >= parts[part].iov_len) {
      sent -= parts[part].iov_len;
      continue;
    }
    const bool within = sent > 0 || part % 2 == 1;
    if (!within) return static_cast<int>(part / 2);
    for (std::size_t i = part; i <= (part | 1); ++i, sent = 0) {
      const auto* const bytes = static_cast<const std::byte*>(parts[i].iov_base);
      if (!finish(guest, std::span(bytes, parts[i].iov_len).subspan(sent))) {
        // Half a frame is out, and nothing else may follow it.
        gone_ = true;
        return part > 1 ? static_cast<int>(part / 2) : -ENETDOWN;
      }
    }
    return static_cast<int>(part / 2 + 1);
  }
  return static_cast<int>(count);
}

}  // namespace spry::net
