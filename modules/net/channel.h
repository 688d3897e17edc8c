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

// A frame in guest memory, which only system calls may touch (Guest::resolve).
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

  // Receives frames into `frames`, without waiting. Returns how many, or a negated errno if none was received: -EAGAIN
  // if none is there now, -ENETDOWN if the interface is down or the peer is gone.
  virtual int receive(std::span<Frame> frames) = 0;

  // Sends frames in their order without waiting, except to finish a frame that is partly sent. Returns how many were
  // sent, or a negated errno if the first could not be sent: -EAGAIN if waiting for POLLOUT helps.
  virtual int send(Guest& guest, std::span<const Frame> frames) = 0;

  // Whether the interface can carry frames now.
  virtual bool up() const = 0;

  // Whether `receive` has something for the caller although the descriptor may not be readable.
  virtual bool ready() const { return false; }

  // The MTU of the interface, if it has one.
  virtual std::optional<std::uint32_t> mtu() const { return std::nullopt; }

  // Readable when frames are there.
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// Opens the channel that the user asked for, for the interface `name`.
Result<std::unique_ptr<Channel>> open_channel(std::string_view name, const Specification& specification);

// Copies `from` to guest memory by a system call; false if that maps a file which was truncated.
[[nodiscard]] bool store(std::span<std::byte> to, std::span<const std::byte> from);

}  // namespace spry::net
