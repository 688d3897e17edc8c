// The user's specification of an interface: tap:NAME, fd:N or unix:PATH, then [,mac=ADDRESS][,mtu=BYTES], where a comma
// of a name is written twice.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spry/error.h"

namespace spry::net {

using MacAddress = std::array<std::uint8_t, 6>;

enum class BackEnd { kTap, kDescriptor, kUnix };

inline constexpr std::uint32_t kDefaultMtu = 1500;
// The least that IPv4 needs (RFC 791), and the most that Linux allows a tap: frames stay below 64 KiB.
inline constexpr std::uint32_t kLeastMtu = 68;
inline constexpr std::uint32_t kLargestMtu = 65521;

struct Specification {
  BackEnd back_end = BackEnd::kTap;
  std::string target;   // the interface's name, or the socket's path
  int descriptor = -1;  // of kDescriptor
  std::optional<MacAddress> mac;
  std::optional<std::uint32_t> mtu;
};

// Parses the specification that was given for the interface `name`.
Result<Specification> parse_specification(std::string_view name, std::string_view text);

}  // namespace spry::net
