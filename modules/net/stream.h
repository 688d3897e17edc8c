// A stream socket. Before each frame comes its length, in 4 bytes, big-endian, as for QEMU's `-netdev stream` and
// passt.
#pragma once

#include "channel.h"

namespace spry::net {

class Stream final : public Channel {
 public:
  // Connects to the socket at `path`.
  static Result<std::unique_ptr<Channel>> connect(std::string_view who, const std::string& path);
  // `descriptor` is a connected stream socket, owned.
  explicit Stream(int descriptor);

  int receive(std::span<Frame> frames) override;
  int send(Guest& guest, std::span<const Frame> frames) override;
  bool up() const override { return !gone_; }
  bool ready() const override;

 private:
  // Takes the next frame out of the buffer; false if no whole one is there.
  bool take(Frame& frame);
  // Reads from the socket into the buffer, without waiting. 0, or a negated errno.
  int fill();
  // The negated errno for a failure with `error`; notes if the peer is gone.
  int explain(int error);
  // Sends all of `rest`, and waits as long as that takes. False if the run is to end or the peer is gone.
  bool finish(Guest& guest, std::span<const std::byte> rest);

  // Bytes that came and were not taken yet: [start_, end_) of the buffer.
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  bool gone_ = false;  // the peer left, or sent what is no frame
};

}  // namespace spry::net
