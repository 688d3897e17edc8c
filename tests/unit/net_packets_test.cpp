#include "net_fakes.h"
#include "packets.h"

namespace spry::net {
namespace {

class NetPackets : public testing::TestWithParam<int> {
 protected:
  bool sequenced() const { return GetParam() == SOCK_SEQPACKET; }

  FakeGuest guest_;
  Pair pair_{GetParam()};
  Net net_{std::make_unique<Packets>(pair_.take(), GetParam() == SOCK_SEQPACKET), kMac, 1500};
};

TEST_P(NetPackets, SendsABatch) {
  for (std::size_t i = 0; i < 40; ++i) guest_.put(i, frame_of(i, 14 + i * 37));
  ASSERT_EQ(write(net_, guest_, 40), 40);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(pair_.hear(), frame_of(i, 14 + i * 37));
  EXPECT_FALSE(pair_.hear());
  EXPECT_EQ(guest_.out, 40u * 14 + 37u * 40 * 39 / 2);
}

TEST_P(NetPackets, ReceivesABatch) {
  for (std::size_t i = 0; i < 9; ++i) pair_.say(frame_of(i, 14 + i * 188));
  guest_.make_room(5);
  ASSERT_EQ(read(net_, guest_, 5), 5);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(guest_.get(i), frame_of(i, 14 + i * 188));
  guest_.make_room(256);
  ASSERT_EQ(read(net_, guest_, 256), 4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(guest_.get(i), frame_of(5 + i, 14 + (5 + i) * 188));
    EXPECT_EQ(guest_.described(i).status, 0u);
  }
  // A descriptor that was not filled stays as it was.
  EXPECT_EQ(guest_.described(4).length, 1518u);
  EXPECT_EQ(guest_.described(4).status, 7u);
  guest_.make_room(4);
  EXPECT_EQ(read(net_, guest_, 4), -SPRY_EAGAIN);
  EXPECT_EQ(guest_.in, 9u * 14 + 188u * 9 * 8 / 2);
}

TEST_P(NetPackets, MarksWhatIsNoFrame) {
  pair_.say(frame_of(0, 13));
  pair_.say(frame_of(1, 1518));
  pair_.say(frame_of(2, 1519));
  pair_.say(frame_of(3, 9000));
  guest_.make_room(4);
  std::memset(guest_.at(FakeGuest::kFrames + 3 * FakeGuest::kStep + 1518), '!', 1);
  ASSERT_EQ(read(net_, guest_, 4), 4);
  EXPECT_EQ(guest_.described(0).status, static_cast<std::uint32_t>(SPRY_EMSGSIZE));
  EXPECT_EQ(guest_.described(0).length, 13u);
  EXPECT_EQ(guest_.described(1).status, 0u);
  for (std::size_t i : {std::size_t{2}, std::size_t{3}}) {
    EXPECT_EQ(guest_.described(i).status, static_cast<std::uint32_t>(SPRY_EMSGSIZE));
    EXPECT_EQ(guest_.get(i), frame_of(i, 1518));
  }
  EXPECT_EQ(*guest_.at(FakeGuest::kFrames + 3 * FakeGuest::kStep + 1518), std::byte{'!'});
  // A frame that is too long is one also where the guest has more room.
  pair_.say(frame_of(4, 1600));
  guest_.make_room(1, 2048);
  ASSERT_EQ(read(net_, guest_, 1), 1);
  EXPECT_EQ(guest_.described(0).status, static_cast<std::uint32_t>(SPRY_EMSGSIZE));
  EXPECT_EQ(guest_.described(0).length, 1600u);
}

// A peer that reads slowly gets every frame, in order.
TEST_P(NetPackets, LosesNothing) {
  constexpr std::size_t kFrames = 5000;
  std::size_t heard = 0;
  bool in_order = true;
  std::thread peer([&] {
    guest_.until_it_waits();
    while (heard < kFrames) {
      pollfd request = {pair_.peer(), POLLIN, 0};
      if (poll(&request, 1, 5000) != 1) return;
      for (auto frame = pair_.hear(); frame; frame = pair_.hear()) {
        in_order = in_order && *frame == frame_of(heard, 1000);
        ++heard;
      }
    }
  });
  for (std::size_t sent = 0; sent < kFrames;) {
    const std::size_t count = std::min<std::size_t>(100, kFrames - sent);
    for (std::size_t i = 0; i < count; ++i) guest_.put(i, frame_of(sent + i, 1000));
    const std::int64_t done = write(net_, guest_, count);
    ASSERT_GT(done, 0);
    sent += static_cast<std::size_t>(done);
  }
  peer.join();
  EXPECT_EQ(heard, kFrames);
  EXPECT_TRUE(in_order);
  EXPECT_GT(guest_.waits, 0);
}

TEST_P(NetPackets, IsDownWithoutAPeer) {
  pair_.say(frame_of(0, 60));
  pair_.leave();
  guest_.make_room(8);
  if (sequenced()) {
    // Frames that came before the end can still be read.
    EXPECT_EQ(read(net_, guest_, 8), 1);
    EXPECT_EQ(guest_.get(0), frame_of(0, 60));
  } else {
    read(net_, guest_, 8);
  }
  guest_.make_room(8);
  guest_.put(0, frame_of(0, 60));
  EXPECT_EQ(write(net_, guest_, 1), -SPRY_ENETDOWN);
  guest_.make_room(8);
  EXPECT_EQ(read(net_, guest_, 8), sequenced() ? -SPRY_ENETDOWN : -SPRY_EAGAIN);
  EXPECT_EQ(guest_.waits, 0);
}

INSTANTIATE_TEST_SUITE_P(Sockets, NetPackets, testing::Values(SOCK_DGRAM, SOCK_SEQPACKET),
                         [](const auto& type) { return type.param == SOCK_DGRAM ? "Datagrams" : "Sequenced"; });

TEST(NetModule, TakesInheritedSockets) {
  for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM}) {
    Pair pair(type);
    const int inherited = pair.take();
    {
      auto device = net_module.open({1, "net", "uplink"}, "fd:" + std::to_string(inherited));
      ASSERT_TRUE(device) << device.error().message;
      FakeGuest guest;
      guest.put(0, frame_of(0, 14));
      EXPECT_EQ((*device)->call(guest, {SPRY_NET_WRITE, FakeGuest::kArray, 1, 0}).value(), 1);
      const std::string prefix = type == SOCK_STREAM ? std::string("\0\0\0\x0e", 4) : "";
      EXPECT_EQ(pair.hear(), prefix + frame_of(0, 14));
    }
    // The device closed only its copy; the descriptor is open, and its flags are as before.
    EXPECT_EQ(fcntl(inherited, F_GETFL) & O_NONBLOCK, 0);
    close(inherited);
  }
  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const std::string text = "fd:" + std::to_string(file);
  EXPECT_EQ(net_module.open({1, "net", "uplink"}, text).error().message,
            "net uplink: " + text + ": it is neither a tap nor a socket");
  close(file);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr autobind = {};
  autobind.sa_family = AF_UNIX;
  ASSERT_EQ(bind(listener, &autobind, sizeof autobind.sa_family), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  const std::string listening = "fd:" + std::to_string(listener);
  EXPECT_EQ(net_module.open({1, "net", "uplink"}, listening).error().message,
            "net uplink: " + listening + ": it is a socket that waits for connections, not a connected one");
  close(listener);
}

TEST(NetModule, MakesUpALocalAddress) {
  Pair pair(SOCK_DGRAM);
  const std::string text = "fd:" + std::to_string(pair.peer());
  FakeGuest guest;
  spry_net_info info[2];
  for (spry_net_info& one : info) {
    auto device = net_module.open({1, "net", "uplink"}, text + ",mtu=9000");
    ASSERT_TRUE(device);
    ASSERT_EQ((*device)->call(guest, {SPRY_NET_INFO, FakeGuest::kBase, 0, 0}).value(), 0);
    std::memcpy(&one, guest.at(FakeGuest::kBase), sizeof one);
    EXPECT_EQ(one.mac[0] & 3, 2);
    EXPECT_EQ(one.mtu, 9000u);
  }
  EXPECT_NE(std::memcmp(info[0].mac, info[1].mac, sizeof info[0].mac), 0);
}

}  // namespace
}  // namespace spry::net
