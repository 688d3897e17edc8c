// The net device: serves the network operations of abi.h with a channel.
#pragma once

#include <memory>

#include "channel.h"
#include "spry/abi.h"
#include "spry/api.h"
#include "spry/module.h"

namespace spry {

class Net final : public Device {
 public:
  Net(std::unique_ptr<net::Channel> channel, const net::MacAddress& mac, std::uint32_t mtu);

  Result<std::int64_t> call(Guest& guest, const DeviceCall& call) override;
  std::string single_use() const override { return "frames that arrive between actions have no addressee"; }
  int ready_descriptor() const override { return channel_->descriptor(); }
  bool ready() const override { return channel_->ready(); }

 private:
  std::int64_t info(Guest& guest, GuestPointer answer) const;
  std::int64_t read(Guest& guest, GuestPointer array, std::uint64_t count);
  std::int64_t write(Guest& guest, GuestPointer array, std::uint64_t count);

  std::unique_ptr<net::Channel> channel_;
  net::MacAddress mac_;
  std::uint32_t mtu_;
  std::uint32_t frame_max_;
};

SPRY_API extern const Module net_module;

}  // namespace spry
