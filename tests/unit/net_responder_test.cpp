// The example pingd's answers.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "responder.h"
}

namespace {

using Bytes = std::vector<std::uint8_t>;

const Bytes kHere = {2, 0, 0, 0, 0, 1};
const Bytes kThere = {2, 0, 0, 0, 0, 2};

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

responder responder_for_10_7_0_2() {
  responder result = {};
  std::copy(kHere.begin(), kHere.end(), result.mac);
  EXPECT_TRUE(parse_address("10.7.0.2", result.address));
  return result;
}

unsigned sum(const Bytes& bytes) {
  unsigned total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) total += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return total;
}

void set_checksum(Bytes& bytes, std::size_t at) {
  bytes[at] = bytes[at + 1] = 0;
  const unsigned value = ~sum(bytes);
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

Bytes echo_request(std::size_t payload) {
  Bytes icmp = {8, 0, 0, 0, 0x12, 0x34, 0, 1};
  for (std::size_t i = 0; i < payload; ++i) icmp.push_back(static_cast<std::uint8_t>(i * 7));
  set_checksum(icmp, 2);
  const std::size_t total = 20 + icmp.size();
  Bytes ip = {0x45,
              0,
              static_cast<std::uint8_t>(total >> 8),
              static_cast<std::uint8_t>(total),
              1,
              2,
              0x40,
              0,
              33,
              1,
              0,
              0,
              10,
              7,
              0,
              1,
              10,
              7,
              0,
              2};
  set_checksum(ip, 10);
  return kHere + kThere + Bytes{8, 0} + ip + icmp;
}

Bytes answer_to(responder& responder, Bytes frame) {
  frame.resize(respond(&responder, frame.data(), frame.size()));
  return frame;
}

TEST(Pingd, ParsesAddresses) {
  std::uint8_t address[4];
  EXPECT_TRUE(parse_address("255.0.10.1", address));
  EXPECT_EQ(address[0], 255);
  EXPECT_EQ(address[3], 1);
  for (const char* bad : {"", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "256.1.1.1", "1..2.3", "a.b.c.d",
                          "1.2.3.4 ", "0001.2.3.4", "-1.2.3.4"}) {
    EXPECT_FALSE(parse_address(bad, address)) << bad;
  }
}

TEST(Pingd, AnswersArp) {
  responder responder = responder_for_10_7_0_2();
  const Bytes broadcast(6, 0xff);
  const Bytes request = broadcast + kThere + Bytes{8, 6, 0, 1, 8, 0, 6, 4, 0, 1} + kThere + Bytes{10, 7, 0, 1} +
                        Bytes(6, 0) + Bytes{10, 7, 0, 2};
  const Bytes reply =
      kThere + kHere + Bytes{8, 6, 0, 1, 8, 0, 6, 4, 0, 2} + kHere + Bytes{10, 7, 0, 2} + kThere + Bytes{10, 7, 0, 1};
  EXPECT_EQ(answer_to(responder, request), reply);
  EXPECT_EQ(answer_to(responder, request + Bytes(18, 0)), reply);  // padded to the least that a wire carries
  EXPECT_EQ(responder.arp_replies, 2u);
  for (std::size_t length = 0; length < request.size(); ++length) {
    EXPECT_TRUE(
        answer_to(responder, Bytes(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(length))).empty());
  }
  Bytes other = request;
  other[41] = 3;
  EXPECT_TRUE(answer_to(responder, other).empty());
  EXPECT_TRUE(answer_to(responder, reply).empty());
  EXPECT_EQ(responder.arp_replies, 2u);
}

TEST(Pingd, AnswersEchoes) {
  responder responder = responder_for_10_7_0_2();
  for (const std::size_t payload : {0u, 1u, 56u, 1471u, 1472u, 60000u}) {
    const Bytes request = echo_request(payload);
    const Bytes reply = answer_to(responder, request + Bytes(3, 0xaa));
    ASSERT_EQ(reply.size(), request.size());
    EXPECT_EQ(Bytes(reply.begin(), reply.begin() + 14), kThere + kHere + (Bytes{8, 0}));
    EXPECT_EQ(sum(Bytes(reply.begin() + 14, reply.begin() + 34)), 0xffffu);
    EXPECT_EQ(sum(Bytes(reply.begin() + 34, reply.end())), 0xffffu);
    EXPECT_EQ(Bytes(reply.begin() + 26, reply.begin() + 34), (Bytes{10, 7, 0, 2, 10, 7, 0, 1}));
    EXPECT_EQ(reply[34], 0);
    EXPECT_EQ(Bytes(reply.begin() + 38, reply.end()), Bytes(request.begin() + 38, request.end()));
  }
  EXPECT_EQ(responder.echo_replies, 6u);
}

TEST(Pingd, AnswersNothingElse) {
  responder responder = responder_for_10_7_0_2();
  const Bytes good = echo_request(56);
  ASSERT_FALSE(answer_to(responder, good).empty());
  // Each byte of the headers matters, by itself or by a checksum. Only the sender's Ethernet address does not matter.
  // (The sender's IP address is covered by IPv4's checksum, not by ICMP's.)
  for (std::size_t at = 0; at < good.size(); ++at) {
    if (at >= 6 && at < 12) continue;
    Bytes bad = good;
    bad[at] ^= 0x10;
    EXPECT_TRUE(answer_to(responder, bad).empty()) << at;
  }
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_TRUE(answer_to(responder, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length))).empty());
  }
  EXPECT_EQ(responder.echo_replies, 1u);
  EXPECT_EQ(responder.ignored, 2 * good.size() - 6);
}

}  // namespace
