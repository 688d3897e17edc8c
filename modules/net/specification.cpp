#include "specification.h"

#include <net/if.h>
#include <sys/un.h>

#include <charconv>
#include <span>
#include <vector>

#include "spry/module.h"
#include "text/format.h"

namespace spry::net {
namespace {

template <class T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  // from_chars accepts a minus sign if T is signed.
  if (error != std::errc() || stop != end || text.starts_with('-')) return std::nullopt;
  return value;
}

std::optional<MacAddress> parse_mac(std::string_view text) {
  constexpr std::size_t kLength = 17;  // 12:34:56:78:9a:bc
  if (text.size() != kLength) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const std::optional<std::uint8_t> byte = parse_number<std::uint8_t>(text.substr(3 * i, 2), 16);
    if (!byte || (i > 0 && text[3 * i - 1] != ':')) return std::nullopt;
    mac[i] = *byte;
  }
  return mac;
}

// The kernel's rule for names of interfaces (dev_valid_name), and no %, for which the kernel would put a number.
bool is_interface_name(std::string_view text) {
  return !text.empty() && text.size() < IFNAMSIZ && text != "." && text != ".." &&
         text.find_first_of("/:% \t\n\v\f\r") == std::string_view::npos;
}

// The rule that `target` breaks, or nothing.
std::optional<std::string> apply_target(Specification& specification, std::string_view kind, std::string_view target) {
  specification.target = target;
  if (kind == "tap") {
    specification.back_end = BackEnd::kTap;
    if (is_interface_name(target)) return std::nullopt;
    return fmt::format("\"{}\" is no name of an interface: it has 1 to {} bytes without /, :, % and white space",
                       target, IFNAMSIZ - 1);
  }
  if (kind == "fd") {
    specification.back_end = BackEnd::kDescriptor;
    const std::optional<int> descriptor = parse_number<int>(target);
    if (!descriptor) return fmt::format("\"{}\" is no number of a descriptor", target);
    specification.descriptor = *descriptor;
    return std::nullopt;
  }
  if (kind == "unix") {
    specification.back_end = BackEnd::kUnix;
    constexpr std::size_t kRoom = sizeof(sockaddr_un::sun_path);
    if (!target.empty() && target.size() < kRoom) return std::nullopt;
    return fmt::format("\"{}\" is no path of a socket: it has 1 to {} bytes", target, kRoom - 1);
  }
  return fmt::format("the back end \"{}\" is not one of tap, fd and unix", kind);
}

// The rule that `field` breaks, or nothing.
std::optional<std::string> apply_option(Specification& specification, std::string_view field) {
  const std::string_view option = field.substr(0, field.find('='));
  const std::string_view value = field.substr(std::min(field.size(), option.size() + 1));
  if (option == "mac" && option.size() != field.size()) {
    if (specification.mac) return "mac= is given twice";
    specification.mac = parse_mac(value);
    if (!specification.mac) return fmt::format("mac={} is not six bytes in hexadecimal, with : between them", value);
    // The lowest bit of the first byte marks a group (IEEE 802).
    if (((*specification.mac)[0] & 1) != 0 || *specification.mac == MacAddress{}) {
      return fmt::format("mac={} is no address of one interface: its first byte is odd, or all of it is zero", value);
    }
    return std::nullopt;
  }
  if (option == "mtu" && option.size() != field.size()) {
    if (specification.mtu) return "mtu= is given twice";
    specification.mtu = parse_number<std::uint32_t>(value);
    if (!specification.mtu || *specification.mtu < kLeastMtu || *specification.mtu > kLargestMtu) {
      return fmt::format("mtu={} is not a number from {} to {}", value, kLeastMtu, kLargestMtu);
    }
    return std::nullopt;
  }
  return fmt::format("\"{}\" is not one of mac=ADDRESS and mtu=BYTES (a comma in a name is written twice)", field);
}

}  // namespace

Result<Specification> parse_specification(std::string_view name, std::string_view text) {
  const auto refuse = [&](std::string_view rule) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("net {}: {}: {}", name, text, rule));
  };
  Specification specification;
  const std::vector<std::string> fields = specification_fields(text);
  const std::string_view back_end = fields.front();
  const std::size_t colon = back_end.find(':');
  if (colon == std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("net {}: \"{}\" is not one of tap:NAME, fd:N and unix:PATH", name, text));
  }
  auto broken = apply_target(specification, back_end.substr(0, colon), back_end.substr(colon + 1));
  if (broken) return refuse(*broken);
  for (const std::string& field : std::span(fields).subspan(1)) {
    broken = field.empty() ? "nothing follows the last comma" : apply_option(specification, field);
    if (broken) return refuse(*broken);
  }
  if (specification.back_end == BackEnd::kTap && specification.mtu) {
    return refuse("mtu= is not for a tap, whose interface has an MTU (ip link set NAME mtu BYTES)");
  }
  return specification;
}

}  // namespace spry::net
