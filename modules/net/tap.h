// A tap interface of Linux (Documentation/networking/tuntap.rst): each read and each write is one frame.
#pragma once

#include "channel.h"

namespace spry::net {

class Tap final : public Channel {
 public:
  // In both, `who` begins the sentences of errors.
  //
  // Attaches to the interface `interface`. If there is none, and this process may make one, it is made and set up, and
  // it is gone when the channel is destroyed.
  static Result<std::unique_ptr<Channel>> open(std::string_view who, const std::string& interface);
  // Takes a descriptor of /dev/net/tun that is attached to a tap and that nobody else uses. The descriptor is owned,
  // even after an error. Its file status flags stay as they are.
  static Result<std::unique_ptr<Channel>> adopt(std::string_view who, int descriptor);

  ~Tap() override;
  int receive(std::span<Frame> frames) override;
  int send(Guest& guest, std::span<const Frame> frames) override;
  bool up() const override;
  std::optional<std::uint32_t> mtu() const override;

 private:
  Tap(int descriptor, bool blocking);

  // Makes the ioctl `request` with the name that the interface has now. False if that fails, or if the interface is not
  // in our network namespace.
  bool ask(unsigned long request, void* answer) const;
  bool readable() const;
  // The negated errno for a read or write that failed with `error`.
  int explain(int error) const;

  int control_;        // a socket, of any kind, for ioctls that ask about interfaces
  bool blocking_;      // the descriptor waits in read(2)
  bool ours_ = false;  // the interface is in our network namespace
};

}  // namespace spry::net
