#include "packets.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "spry/abi.h"

namespace spry::net {
namespace {

// The messages of one system call, one for each frame. The kernel is called directly, because musl's sendmmsg makes a
// system call for each message.
class Messages {
 public:
  template <class AnyFrame>
  explicit Messages(std::span<AnyFrame> frames) : count_(std::min<std::size_t>(frames.size(), SPRY_NET_BATCH_MAX)) {
    for (std::size_t i = 0; i < count_; ++i) {
      parts_[i] = {frames[i].memory.data(), frames[i].memory.size()};
      messages_[i] = {};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  long receive(int descriptor, int flags) {
    return syscall(SYS_recvmmsg, descriptor, messages_.data(), count_, flags, nullptr);
  }
  long send(int descriptor, int flags) { return syscall(SYS_sendmmsg, descriptor, messages_.data(), count_, flags); }
  std::size_t length(std::size_t i) const { return messages_[i].msg_len; }

 private:
  std::array<iovec, SPRY_NET_BATCH_MAX> parts_;
  std::array<mmsghdr, SPRY_NET_BATCH_MAX> messages_;
  std::size_t count_;
};

}  // namespace

int Packets::explain(int error) {
  switch (error) {
    case EINTR:
      return -EAGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
      // A SOCK_SEQPACKET stays without its peer; datagrams may find another peer at the same address.
      gone_ = gone_ || sequenced_;
      return -ENETDOWN;
    case ECONNREFUSED:
      return -ENETDOWN;
    default:
      return -error;
  }
}

int Packets::receive(std::span<Frame> frames) {
  if (gone_) return -ENETDOWN;
  Messages messages(frames);
  // MSG_TRUNC: the kernel tells the whole length of a packet that it cut.
  const long received = messages.receive(descriptor(), MSG_DONTWAIT | MSG_TRUNC);
  if (received < 0) return explain(errno);
  for (std::size_t i = 0; i < static_cast<std::size_t>(received); ++i) {
    const std::size_t length = messages.length(i);
    if (length == 0 && sequenced_) {
      // The peer has left; the kernel says so again in each further message.
      gone_ = true;
      return i > 0 ? static_cast<int>(i) : -ENETDOWN;
    }
    frames[i].cut = length > frames[i].memory.size();
    frames[i].length = std::min(length, frames[i].memory.size());
  }
  return static_cast<int>(received);
}

int Packets::send(Guest&, std::span<const Frame> frames) {
  if (gone_) return -ENETDOWN;
  Messages messages(frames);
  const long sent = messages.send(descriptor(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? explain(errno) : static_cast<int>(sent);
}

}  // namespace spry::net
