// A tap interface of Linux (Documentation/networking/tuntap.rst): each read and each write is one frame.
#pragma once

#include "channel.h"

namespace spry::net {

class Tap final : public Channel {
 public:
  // `who` begins the sentences of errors.
  //
  // Attaches to the interface `interface`, which is made if there is none and this process may: then it is up, and gone
  // when the channel is.
  static Result<std::unique_ptr<Channel>> open(std::string_view who, const std::string& interface);
  // A descriptor of /dev/net/tun that is attached to a tap, used by nobody else; owned, also after an error. Its file
  // status flags stay as they are.
  static Result<std::unique_ptr<Channel>> adopt(std::string_view who, int descriptor);

  ~Tap() override;
  int receive(std::span<Frame> frames) override;
  int send(Guest& guest, std::span<const Frame> frames) override;
  bool up() const override;
  std::optional<std::uint32_t> mtu() const override;

 private:
  Tap(int descriptor, bool blocking);

  // Asks by the name that the interface has now. False if that fails or names another interface.
  bool ask(unsigned long request, void* answer) const;
  bool readable() const;
  // What the failure of a read or write with `error` means, as a negative number of errno.
  int explain(int error) const;

  int control_;        // any socket: interfaces are asked about through one
  bool blocking_;      // the descriptor waits in read(2)
  bool ours_ = false;  // the interface is in our network namespace
};

}  // namespace spry::net
