#include <sys/un.h>

#include "net_fakes.h"
#include "stream.h"

namespace spry::net {
namespace {

std::string prefix(std::size_t length) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(length >> shift & 0xff);
  return bytes;
}
std::string framed(const std::string& frame) { return prefix(frame.size()) + frame; }

class NetStream : public testing::Test {
 protected:
  FakeGuest guest_;
  Pair pair_{SOCK_STREAM};
  Net net_{std::make_unique<Stream>(pair_.take()), kMac, 1500};
};

TEST_F(NetStream, FramesWhatItSends) {
  guest_.put(0, frame_of(0, 14));
  guest_.put(1, frame_of(1, 1518));
  guest_.put(2, frame_of(2, 300));
  ASSERT_EQ(write(net_, guest_, 3), 3);
  EXPECT_EQ(pair_.hear(), framed(frame_of(0, 14)) + framed(frame_of(1, 1518)) + framed(frame_of(2, 300)));
  EXPECT_EQ(guest_.out, 14u + 1518 + 300);
}

TEST_F(NetStream, TakesFramesApart) {
  std::string all;
  for (std::size_t i = 0; i < 7; ++i) all += framed(frame_of(i, 100 + i));
  pair_.say(all);
  guest_.make_room(4);
  ASSERT_EQ(read(net_, guest_, 4), 4);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(guest_.get(i), frame_of(i, 100 + i));
  // The socket is empty now, and the device still ready.
  pollfd request = {net_.ready_descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&request, 1, 0), 0);
  EXPECT_TRUE(net_.ready());
  guest_.make_room(4);
  ASSERT_EQ(read(net_, guest_, 4), 3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(guest_.get(i), frame_of(4 + i, 104 + i));
  EXPECT_FALSE(net_.ready());
  guest_.make_room(4);
  EXPECT_EQ(read(net_, guest_, 4), -SPRY_EAGAIN);
}

TEST_F(NetStream, PutsFramesTogetherByteByByte) {
  const std::string all = framed(frame_of(0, 60)) + framed(frame_of(1, 14));
  std::size_t frames = 0;
  for (const char byte : all) {
    EXPECT_FALSE(net_.ready());
    pair_.say(std::string(1, byte));
    guest_.make_room(2);
    const std::int64_t result = read(net_, guest_, 2);
    if (result == -SPRY_EAGAIN) continue;
    ASSERT_EQ(result, 1);
    EXPECT_EQ(guest_.get(0), frame_of(frames, frames == 0 ? 60 : 14));
    ++frames;
  }
  EXPECT_EQ(frames, 2u);
}

TEST_F(NetStream, MarksWhatIsNoFrame) {
  pair_.say(framed("") + framed(frame_of(0, 13)) + framed(frame_of(1, 1519)) + framed(frame_of(2, 69632)) +
            framed(frame_of(3, 60)));
  std::vector<std::uint32_t> lengths;
  while (lengths.size() < 5) {
    guest_.make_room(1);
    const std::int64_t result = read(net_, guest_, 1);
    ASSERT_EQ(result, 1);
    const bool good = lengths.size() == 4;
    EXPECT_EQ(guest_.described(0).status, good ? 0u : static_cast<std::uint32_t>(SPRY_EMSGSIZE));
    lengths.push_back(guest_.described(0).length);
  }
  EXPECT_EQ(lengths, (std::vector<std::uint32_t>{0, 13, 1518, 1518, 60}));
  EXPECT_EQ(guest_.get(0), frame_of(3, 60));
}

TEST_F(NetStream, GivesUpAStreamOutOfStep) {
  for (const std::size_t length : {std::size_t{69633}, std::size_t{0x80000000}, std::size_t{0xffffffff}}) {
    Pair pair(SOCK_STREAM);
    Net net(std::make_unique<Stream>(pair.take()), kMac, 1500);
    pair.say(framed(frame_of(0, 60)) + prefix(length) + "rest");
    guest_.make_room(4);
    EXPECT_EQ(read(net, guest_, 4), 1);
    EXPECT_TRUE(net.ready());
    guest_.make_room(4);
    EXPECT_EQ(read(net, guest_, 4), -SPRY_ENETDOWN);
    guest_.put(0, frame_of(0, 60));
    EXPECT_EQ(write(net, guest_, 1), -SPRY_ENETDOWN);
  }
}

TEST_F(NetStream, IsDownWithoutAPeer) {
  pair_.say(framed(frame_of(0, 60)) + prefix(60) + "half");
  pair_.leave();
  guest_.make_room(4);
  EXPECT_EQ(read(net_, guest_, 4), 1);
  guest_.make_room(4);
  EXPECT_EQ(read(net_, guest_, 4), -SPRY_ENETDOWN);
  guest_.put(0, frame_of(0, 60));
  EXPECT_EQ(write(net_, guest_, 1), -SPRY_ENETDOWN);
}

// A peer that reads slowly, and odd numbers of bytes, gets every frame: a frame that did not fit into the socket is
// completed later.
TEST_F(NetStream, LosesNothing) {
  constexpr std::size_t kFrames = 5000;
  std::string expected;
  for (std::size_t i = 0; i < kFrames; ++i) expected += framed(frame_of(i, 14 + i % 1500));
  std::string heard;
  std::thread peer([&] {
    guest_.until_it_waits();
    while (heard.size() < expected.size()) {
      pollfd request = {pair_.peer(), POLLIN, 0};
      if (poll(&request, 1, 5000) != 1) return;
      heard += pair_.hear(7777).value_or("");
    }
  });
  std::size_t partial = 0;
  for (std::size_t sent = 0; sent < kFrames;) {
    const std::size_t count = std::min<std::size_t>(256, kFrames - sent);
    for (std::size_t i = 0; i < count; ++i) guest_.put(i, frame_of(sent + i, 14 + (sent + i) % 1500));
    const std::int64_t done = write(net_, guest_, count);
    ASSERT_GT(done, 0);
    partial += static_cast<std::size_t>(done) < count ? 1u : 0u;
    sent += static_cast<std::size_t>(done);
  }
  peer.join();
  EXPECT_EQ(heard, expected);
  EXPECT_GT(guest_.waits, 0);
  EXPECT_GT(partial, 0u);
}

// Half a frame is out when the run ends: nothing may follow it.
TEST_F(NetStream, EndsWithTheRun) {
  guest_.ends = true;
  std::int64_t result = 0;
  do {
    for (std::size_t i = 0; i < 256; ++i) guest_.put(i, frame_of(i, 1001));
    result = write(net_, guest_, 256);
  } while (result == 256);
  EXPECT_GT(result, 0);
  EXPECT_EQ(guest_.waits, 1);
  EXPECT_EQ(write(net_, guest_, 1), -SPRY_ENETDOWN);
}

TEST(NetModule, ConnectsToASocket) {
  char folder[] = "/tmp/spry-net-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/socket";
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  auto device = net_module.open({1, "net", "uplink"}, "unix:" + path);
  ASSERT_TRUE(device) << device.error().message;
  const int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ASSERT_GE(peer, 0);
  const std::string frame = framed(frame_of(0, 60));
  ASSERT_EQ(send(peer, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
  FakeGuest guest;
  guest.make_room(1);
  EXPECT_EQ((*device)->call(guest, {SPRY_NET_READ, FakeGuest::kArray, 1, 0}).value(), 1);
  EXPECT_EQ(guest.get(0), frame_of(0, 60));
  close(peer);
  close(listener);
  unlink(path.c_str());
  rmdir(folder);
}

}  // namespace
}  // namespace spry::net
