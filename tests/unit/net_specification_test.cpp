#include <gtest/gtest.h>

#include "net.h"
#include "specification.h"

namespace spry::net {
namespace {

Specification parsed(std::string_view text) {
  const Result<Specification> specification = parse_specification("uplink", text);
  EXPECT_TRUE(specification) << text << ": " << specification.error().message;
  return specification.value_or(Specification());
}

std::string refused(std::string_view text) {
  const Result<Specification> specification = parse_specification("uplink", text);
  return specification ? "not refused" : specification.error().message;
}

TEST(NetSpecification, NamesTheBackEnd) {
  EXPECT_EQ(parsed("tap:spry0").back_end, BackEnd::kTap);
  EXPECT_EQ(parsed("tap:spry0").target, "spry0");
  EXPECT_EQ(parsed("tap:fifteen.bytes-x").target, "fifteen.bytes-x");
  EXPECT_EQ(parsed("fd:0").descriptor, 0);
  EXPECT_EQ(parsed("fd:2147483647").descriptor, 2147483647);
  EXPECT_EQ(parsed("fd:7").back_end, BackEnd::kDescriptor);
  EXPECT_EQ(parsed("unix:/run/a:b").target, "/run/a:b");
  EXPECT_EQ(parsed("unix:/run/a,,b,mtu=9000").target, "/run/a,b");
  EXPECT_EQ(parsed("unix:/run/a,,mtu=9000").target, "/run/a,mtu=9000");
  EXPECT_EQ(parsed("unix:" + std::string(107, 'p')).target.size(), 107u);
  EXPECT_FALSE(parsed("fd:7").mac);
  EXPECT_FALSE(parsed("fd:7").mtu);
}

TEST(NetSpecification, TakesOptionsInAnyOrder) {
  const Specification both = parsed("unix:/s,mtu=9000,mac=02:aB:00:00:0f:10");
  EXPECT_EQ(both.mtu, 9000u);
  EXPECT_EQ(both.mac, (MacAddress{0x02, 0xab, 0, 0, 0x0f, 0x10}));
  EXPECT_EQ(parsed("fd:3,mac=00:00:00:00:00:01,mtu=68").mtu, 68u);
  EXPECT_EQ(parsed("fd:3,mtu=65521").mtu, 65521u);
}

TEST(NetSpecification, RefusesTargets) {
  const auto begins = [](std::string_view text) { return "net uplink: " + std::string(text) + ": "; };
  const std::string name = " is no name of an interface: it has 1 to 15 bytes without /, :, % and white space";
  EXPECT_EQ(refused(""), "net uplink: \"\" is not one of tap:NAME, fd:N and unix:PATH");
  EXPECT_EQ(refused("tap"), "net uplink: \"tap\" is not one of tap:NAME, fd:N and unix:PATH");
  EXPECT_EQ(refused("tun:x"), begins("tun:x") + "the back end \"tun\" is not one of tap, fd and unix");
  EXPECT_EQ(refused(":x"), begins(":x") + "the back end \"\" is not one of tap, fd and unix");
  for (const std::string bad : {"", ".", "..", "a/b", "a%d", "a b", "a:b", "sixteen-bytes-xx"}) {
    EXPECT_EQ(refused("tap:" + bad), begins("tap:" + bad) + "\"" + bad + "\"" + name);
  }
  for (const std::string bad : {"", "x", "-1", "+1", "1x", " 1", "2147483648", "0x1"}) {
    EXPECT_EQ(refused("fd:" + bad), begins("fd:" + bad) + "\"" + bad + "\" is no number of a descriptor");
  }
  EXPECT_EQ(refused("unix:"), begins("unix:") + "\"\" is no path of a socket: it has 1 to 107 bytes");
  EXPECT_NE(refused("unix:" + std::string(108, 'p')).find("is no path of a socket"), std::string::npos);
}

TEST(NetSpecification, RefusesOptions) {
  const auto rule = [](const std::string& options) {
    const std::string text = "fd:3," + options;
    const std::string sentence = refused(text);
    const std::string begin = "net uplink: " + text + ": ";
    return sentence.starts_with(begin) ? sentence.substr(begin.size()) : sentence;
  };
  for (const std::string bad : {"", "02:00:00:00:00", "02:00:00:00:00:00:00", "02-00-00-00-00-00", "g2:00:00:00:00:00",
                                "02:00:00:00:00:-1", "2:00:00:00:00:0000", "02:00:00:00:00: 1"}) {
    EXPECT_EQ(rule("mac=" + bad), "mac=" + bad + " is not six bytes in hexadecimal, with : between them");
  }
  for (const std::string bad : {"01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"}) {
    EXPECT_EQ(rule("mac=" + bad),
              "mac=" + bad + " is no address of one interface: its first byte is odd, or all of it is zero");
  }
  for (const std::string bad : {"", "67", "65522", "-1500", "1500x", "99999999999"}) {
    EXPECT_EQ(rule("mtu=" + bad), "mtu=" + bad + " is not a number from 68 to 65521");
  }
  const std::string known = " is not one of mac=ADDRESS and mtu=BYTES (a comma in a name is written twice)";
  EXPECT_EQ(rule("mtu"), "\"mtu\"" + known);
  EXPECT_EQ(rule("speed=1"), "\"speed=1\"" + known);
  EXPECT_EQ(rule(",mtu=1500"), "\"3,mtu=1500\" is no number of a descriptor");
  EXPECT_EQ(rule(""), "nothing follows the last comma");
  EXPECT_EQ(rule("mtu=1500,"), "nothing follows the last comma");
  EXPECT_EQ(rule("mtu=1500,mtu=1500"), "mtu= is given twice");
  EXPECT_EQ(rule("mac=02:00:00:00:00:01,mac=02:00:00:00:00:01"), "mac= is given twice");
  EXPECT_EQ(refused("tap:spry0,mtu=1500"),
            "net uplink: tap:spry0,mtu=1500: mtu= is not for a tap, whose interface has an MTU (ip link set NAME mtu "
            "BYTES)");
}

std::string not_opened(std::optional<std::string_view> text) {
  const auto device = net_module.open({1, "net", "uplink"}, text);
  return device ? "opened" : device.error().message;
}

TEST(NetModule, NamesTheOptionThatIsMissing) {
  EXPECT_EQ(not_opened(std::nullopt),
            "net uplink: named in the manifest, but not attached: --net uplink=tap:NAME, uplink=fd:N or "
            "uplink=unix:PATH is missing");
}

TEST(NetModule, RefusesWhatIsNoChannel) {
  EXPECT_EQ(not_opened("fd:987"), "net uplink: fd:987: Bad file descriptor");
  EXPECT_EQ(not_opened("unix:/nowhere/socket"),
            "net uplink: unix:/nowhere/socket: cannot connect: No such file or directory");
  EXPECT_EQ(not_opened("unix:/dev/null"), "net uplink: unix:/dev/null: cannot connect: Connection refused");
  EXPECT_EQ(not_opened("bogus"), "net uplink: \"bogus\" is not one of tap:NAME, fd:N and unix:PATH");
}

}  // namespace
}  // namespace spry::net
