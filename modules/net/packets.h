// A socket that keeps frames apart: SOCK_DGRAM, SOCK_SEQPACKET, or a packet socket's SOCK_RAW. Each packet is a frame.
#pragma once

#include "channel.h"

namespace spry::net {

class Packets final : public Channel {
 public:
  // `descriptor` is owned; `sequenced` says that it is a SOCK_SEQPACKET, whose peer can leave.
  Packets(int descriptor, bool sequenced) : Channel(descriptor), sequenced_(sequenced) {}

  int receive(std::span<Frame> frames) override;
  int send(Guest& guest, std::span<const Frame> frames) override;
  bool up() const override { return !gone_; }

 private:
  int explain(int error);

  bool sequenced_;
  bool gone_ = false;  // the peer left
};

}  // namespace spry::net
