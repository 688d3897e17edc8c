// A channel moves frames between guest memory and a back end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "specification.h"
#include "spry/module.h"

namespace spry::net {

// A frame and where it lies in guest memory, which only system calls may touch (Guest::resolve).
struct Frame {
  std::span<std::byte> memory;  // to send: the frame; to receive: the room for it
  std::size_t length = 0;       // received: bytes in `memory`
  bool cut = false;             // received: the frame was longer than the room
};

class Channel {
 public:
  // Owns `descriptor`.
  explicit Channel(int descriptor) : descriptor_(descriptor) {}
  virtual ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Receives frames into `frames`, without waiting. Returns their number, or a negative number of errno if there is
  // none: -EAGAIN if none is there now, -ENETDOWN if the interface is down or the peer is gone.
  virtual int receive(std::span<Frame> frames) = 0;

  // Sends frames in their order without waiting, except that a frame begun is ended. Returns how many are out, or the
  // negative number of errno that kept the first from it: -EAGAIN if waiting for POLLOUT helps.
  virtual int send(Guest& guest, std::span<const Frame> frames) = 0;

  // The interface can carry frames now.
  virtual bool up() const = 0;

  // A frame is there that the descriptor does not tell of.
  virtual bool ready() const { return false; }

  // The MTU of the interface, if it has one.
  virtual std::optional<std::uint32_t> mtu() const { return std::nullopt; }

  // Readable when frames are there.
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// The channel that the user asked for, for the interface `name`. Frames to be received have at most `frame_max` bytes,
// or as many as its own MTU allows.
Result<std::unique_ptr<Channel>> open_channel(std::string_view name, const Specification& specification);

// Fills guest memory by a system call; false if the memory's file was truncated.
[[nodiscard]] bool store(std::span<std::byte> to, std::span<const std::byte> from);

}  // namespace spry::net
