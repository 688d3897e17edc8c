#include "net.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace spry {
namespace {

using net::Frame;

constexpr std::uint32_t kHeader = SPRY_NET_FRAME_MIN + 4;  // with one 802.1Q tag

// The frame descriptors of one call, and where their frames lie.
struct Batch {
  std::array<spry_net_frame, SPRY_NET_BATCH_MAX> descriptors;
  std::array<Frame, SPRY_NET_BATCH_MAX> frames;
  std::size_t count = 0;   // how many are valid, from the first on
  std::int64_t wrong = 0;  // the answer for the one behind them, if it is not valid
};

// Fills `batch` with the descriptors up to the first one that is not valid. The length of a valid one is from `least`
// to `most`.
void look_at(Guest& guest, GuestPointer array, std::uint64_t count, Access access, std::uint32_t least,
             std::uint32_t most, Batch& batch) {
  if (count > SPRY_NET_BATCH_MAX) {
    batch.wrong = -SPRY_EINVAL;
    return;
  }
  const auto descriptors = std::span(batch.descriptors).first(count);
  if (!guest.copy(std::as_writable_bytes(descriptors), array)) {
    batch.wrong = -SPRY_EFAULT;
    return;
  }
  for (const spry_net_frame& descriptor : descriptors) {
    if (descriptor.length < least || descriptor.length > most) {
      batch.wrong = -SPRY_EMSGSIZE;
      return;
    }
    const auto memory = guest.resolve(GuestPointer{descriptor.address}, descriptor.length, access);
    if (!memory) {
      batch.wrong = -SPRY_EFAULT;
      return;
    }
    batch.frames[batch.count++] = {*memory};
  }
}

// The guest's answer for a channel's negated errno.
std::int64_t answer(int error) {
  switch (-error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      return -SPRY_EAGAIN;
    case EFAULT:
      return -SPRY_EFAULT;
    case EMSGSIZE:
      return -SPRY_EMSGSIZE;
    case ENETDOWN:
      return -SPRY_ENETDOWN;
    default:
      return -SPRY_EIO;
  }
}

}  // namespace

Net::Net(std::unique_ptr<net::Channel> channel, const net::MacAddress& mac, std::uint32_t mtu)
    : channel_(std::move(channel)), mac_(mac), mtu_(mtu), frame_max_(mtu + kHeader) {}

Result<std::int64_t> Net::call(Guest& guest, const DeviceCall& call) {
  switch (call.operation) {
    case SPRY_NET_INFO:
      return info(guest, GuestPointer{call.a});
    case SPRY_NET_READ:
      return read(guest, GuestPointer{call.a}, call.b);
    case SPRY_NET_WRITE:
      return write(guest, GuestPointer{call.a}, call.b);
    default:
      return -SPRY_ENOSYS;
  }
}

std::int64_t Net::info(Guest& guest, GuestPointer pointer) const {
  spry_net_info info = {};
  std::copy(mac_.begin(), mac_.end(), info.mac);
  info.flags = channel_->up() ? SPRY_NET_UP : 0;
  info.mtu = mtu_;
  info.frame_max = frame_max_;
  return guest.write(pointer, std::as_bytes(std::span(&info, 1))) ? 0 : -SPRY_EFAULT;
}

std::int64_t Net::read(Guest& guest, GuestPointer array, std::uint64_t count) {
  Batch batch;
  look_at(guest, array, count, Access::kWrite, frame_max_, UINT32_MAX, batch);
  if (!guest.resolve(array, batch.count * sizeof(spry_net_frame), Access::kWrite)) return -SPRY_EFAULT;
  if (batch.count == 0) return batch.wrong;
  const int received = channel_->receive(std::span(batch.frames).first(batch.count));
  if (received < 0) return answer(received);
  std::uint64_t bytes = 0;
  const auto done = static_cast<std::size_t>(received);
  for (std::size_t i = 0; i < done; ++i) {
    const Frame& frame = batch.frames[i];
    const bool fits = !frame.cut && frame.length >= SPRY_NET_FRAME_MIN && frame.length <= frame_max_;
    batch.descriptors[i].length = static_cast<std::uint32_t>(frame.length);
    batch.descriptors[i].status = fits ? 0 : SPRY_EMSGSIZE;
    bytes += frame.length;
  }
  guest.count_in(bytes);
  if (!guest.write(array, std::as_bytes(std::span(batch.descriptors).first(done)))) return -SPRY_EFAULT;
  return received;
}

std::int64_t Net::write(Guest& guest, GuestPointer array, std::uint64_t count) {
  Batch batch;
  look_at(guest, array, count, Access::kRead, SPRY_NET_FRAME_MIN, frame_max_, batch);
  if (batch.count == 0) return batch.wrong;
  const auto frames = std::span(batch.frames).first(batch.count);
  int sent = channel_->send(guest, frames);
  while (sent == -EAGAIN) {
    if (!guest.wait(channel_->descriptor(), POLLOUT)) return -SPRY_EAGAIN;
    sent = channel_->send(guest, frames);
  }
  if (sent < 0) return answer(sent);
  std::uint64_t bytes = 0;
  for (const Frame& frame : frames.first(static_cast<std::size_t>(sent))) bytes += frame.memory.size();
  guest.count_out(bytes);
  return sent;
}

}  // namespace spry
