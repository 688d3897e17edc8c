// The module: makes a device from the user's specification.
#include <sys/random.h>

#include "net.h"
#include "text/format.h"

namespace spry {
namespace {

// A random address. The second lowest bit of its first byte says that no manufacturer gave it (IEEE 802); the lowest
// bit, which marks groups, is 0.
std::optional<net::MacAddress> random_mac() {
  net::MacAddress mac;
  if (getrandom(mac.data(), mac.size(), 0) != static_cast<ssize_t>(mac.size())) return std::nullopt;
  mac[0] = static_cast<std::uint8_t>((mac[0] & 0xfc) | 0x02);
  return mac;
}

Result<std::unique_ptr<Device>> open_net(const DeviceNeed& need, std::optional<std::string_view> text) {
  if (!text) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("net {0}: named in the manifest, but not attached: --net {0}=tap:NAME, "
                            "{0}=fd:N or {0}=unix:PATH is missing",
                            need.name));
  }
  const Result<net::Specification> specification = net::parse_specification(need.name, *text);
  if (!specification) return tl::unexpected(specification.error());
  Result<std::unique_ptr<net::Channel>> channel = net::open_channel(need.name, *specification);
  if (!channel) return tl::unexpected(std::move(channel.error()));
  const std::optional<std::uint32_t> its_own = (*channel)->mtu();
  if (its_own && specification->mtu) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("net {}: {}: mtu= is not for a tap, whose interface has an MTU of {}", need.name, *text, *its_own));
  }
  if (its_own && *its_own > net::kLargestMtu) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("net {}: {}: the interface has an MTU of {}, more than {}",
                                                         need.name, *text, *its_own, net::kLargestMtu));
  }
  const std::optional<net::MacAddress> mac = specification->mac ? specification->mac : random_mac();
  if (!mac) return fail(ErrorCode::kMonitor, fmt::format("net {}: no random bytes for its address", need.name));
  const std::uint32_t mtu = its_own.value_or(specification->mtu.value_or(net::kDefaultMtu));
  return std::make_unique<Net>(std::move(*channel), *mac, mtu);
}

}  // namespace

const Module net_module = {"net", "tap:NAME|fd:N|unix:PATH[,mac=ADDRESS][,mtu=BYTES]", open_net};

}  // namespace spry
