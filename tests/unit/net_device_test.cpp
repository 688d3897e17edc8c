#include <sys/stat.h>

#include "net_fakes.h"
#include "packets.h"

namespace spry::net {
namespace {

// A channel that answers what the test wants.
class FakeChannel : public Channel {
 public:
  FakeChannel() : Channel(::open("/dev/null", O_RDWR | O_CLOEXEC)) {}
  int receive(std::span<Frame> frames) override {
    asked = frames.size();
    return result;
  }
  int send(Guest&, std::span<const Frame> frames) override {
    asked = frames.size();
    return std::exchange(result, then);
  }
  bool up() const override { return is_up; }
  bool ready() const override { return is_ready; }

  int result = 0;
  int then = 0;  // the result of later calls
  std::size_t asked = 0;
  bool is_up = true;
  bool is_ready = false;
};

class NetDevice : public testing::Test {
 protected:
  FakeGuest guest_;
  FakeChannel* channel_ = new FakeChannel;
  Net net_{std::unique_ptr<Channel>(channel_), kMac, 1500};
};

TEST_F(NetDevice, TellsAboutItself) {
  ASSERT_EQ(net_.call(guest_, {SPRY_NET_INFO, FakeGuest::kBase + 3, 0, 0}).value(), 0);
  spry_net_info info;
  std::memcpy(&info, guest_.at(FakeGuest::kBase + 3), sizeof info);
  EXPECT_EQ(std::memcmp(info.mac, kMac.data(), kMac.size()), 0);
  EXPECT_EQ(info.mtu, 1500u);
  EXPECT_EQ(info.frame_max, 1518u);
  EXPECT_EQ(info.flags, SPRY_NET_UP);
  channel_->is_up = false;
  ASSERT_EQ(net_.call(guest_, {SPRY_NET_INFO, FakeGuest::kBase, 0, 0}).value(), 0);
  std::memcpy(&info, guest_.at(FakeGuest::kBase), sizeof info);
  EXPECT_EQ(info.flags, 0);
  for (const std::uint64_t bad :
       {std::uint64_t{0}, FakeGuest::kReadOnly - 15, FakeGuest::kReadOnly, ~std::uint64_t{7}}) {
    EXPECT_EQ(net_.call(guest_, {SPRY_NET_INFO, bad, 0, 0}).value(), -SPRY_EFAULT);
  }
}

TEST_F(NetDevice, RefusesWhatItDoesNotKnow) {
  for (const std::uint64_t operation : {std::uint64_t{0}, std::uint64_t{4}, std::uint64_t{1} << 32 | SPRY_NET_READ}) {
    EXPECT_EQ(net_.call(guest_, {operation, FakeGuest::kArray, 1, 0}).value(), -SPRY_ENOSYS);
  }
  for (const std::uint64_t count : {std::uint64_t{257}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    EXPECT_EQ(read(net_, guest_, count), -SPRY_EINVAL);
    EXPECT_EQ(write(net_, guest_, count), -SPRY_EINVAL);
  }
  EXPECT_EQ(read(net_, guest_, 0), 0);
  EXPECT_EQ(write(net_, guest_, 0), 0);
  EXPECT_EQ(read(net_, guest_, 0, 0), 0);
}

TEST_F(NetDevice, ChecksTheArray) {
  for (const std::uint64_t bad : {std::uint64_t{0}, FakeGuest::kBase - 16, ~std::uint64_t{15}, FakeGuest::kEnd - 31}) {
    EXPECT_EQ(read(net_, guest_, 2, bad), -SPRY_EFAULT);
    EXPECT_EQ(write(net_, guest_, 2, bad), -SPRY_EFAULT);
  }
  // Receiving writes to the array of descriptors; sending does not.
  std::memcpy(guest_.at(FakeGuest::kReadOnly), "", 1);
  const spry_net_frame frame = {FakeGuest::kFrames, 1518, 0};
  std::memcpy(guest_.at(FakeGuest::kReadOnly), &frame, sizeof frame);
  channel_->result = 1;
  EXPECT_EQ(read(net_, guest_, 1, FakeGuest::kReadOnly), -SPRY_EFAULT);
  EXPECT_EQ(channel_->asked, 0u);
  EXPECT_EQ(write(net_, guest_, 1, FakeGuest::kReadOnly), 1);
}

TEST_F(NetDevice, ChecksEachFrame) {
  struct Case {
    spry_net_frame frame;
    std::int64_t written;
    std::int64_t received;
  };
  const std::uint64_t end = FakeGuest::kEnd;
  const Case cases[] = {
      {{FakeGuest::kFrames, 13, 0}, -SPRY_EMSGSIZE, -SPRY_EMSGSIZE},
      {{FakeGuest::kFrames, 0, 0}, -SPRY_EMSGSIZE, -SPRY_EMSGSIZE},
      {{FakeGuest::kFrames, 1517, 0}, 1, -SPRY_EMSGSIZE},
      {{FakeGuest::kFrames, 1519, 0}, -SPRY_EMSGSIZE, 1},
      {{FakeGuest::kFrames, 0xffffffff, 0}, -SPRY_EMSGSIZE, -SPRY_EFAULT},
      {{0, 1518, 0}, -SPRY_EFAULT, -SPRY_EFAULT},
      {{end - 1517, 1518, 0}, -SPRY_EFAULT, -SPRY_EFAULT},
      {{FakeGuest::kReadOnly - 1, 1518, 0}, 1, -SPRY_EFAULT},
      {{end - 1518, 1518, 0}, 1, -SPRY_EFAULT},
      {{~std::uint64_t{0}, 1518, 0}, -SPRY_EFAULT, -SPRY_EFAULT},
      {{~std::uint64_t{0} - 1516, 1518, 0}, -SPRY_EFAULT, -SPRY_EFAULT},
  };
  for (const Case& one : cases) {
    guest_.describe(0, one.frame);
    channel_->result = channel_->then = 1;
    EXPECT_EQ(write(net_, guest_, 1), one.written) << std::hex << one.frame.address << " " << one.frame.length;
    guest_.describe(0, one.frame);
    EXPECT_EQ(read(net_, guest_, 1), one.received) << std::hex << one.frame.address << " " << one.frame.length;
    // As the third of three frames, the bad one only ends the batch.
    guest_.put(0, frame_of(0, 60));
    guest_.put(1, frame_of(1, 60));
    guest_.describe(2, one.frame);
    channel_->result = channel_->then = 2;
    EXPECT_EQ(write(net_, guest_, 3), 2);
    EXPECT_EQ(channel_->asked, one.written < 0 ? 2u : 3u);
    guest_.make_room(2);
    guest_.describe(2, one.frame);
    EXPECT_EQ(read(net_, guest_, 3), 2);
    EXPECT_EQ(channel_->asked, one.received < 0 ? 2u : 3u);
  }
}

TEST_F(NetDevice, TellsErrorsApart) {
  guest_.make_room(1);
  const std::pair<int, int> errors[] = {{EAGAIN, SPRY_EAGAIN},     {ENETDOWN, SPRY_ENETDOWN}, {EFAULT, SPRY_EFAULT},
                                        {ENOBUFS, SPRY_EAGAIN},    {ENOMEM, SPRY_EAGAIN},     {EIO, SPRY_EIO},
                                        {EMSGSIZE, SPRY_EMSGSIZE}, {EBADF, SPRY_EIO}};
  for (const auto& [error, answer] : errors) {
    channel_->result = -error;
    EXPECT_EQ(read(net_, guest_, 1), -answer);
    if (error == EAGAIN) continue;
    channel_->result = -error;
    EXPECT_EQ(write(net_, guest_, 1), -answer);
  }
  EXPECT_EQ(guest_.waits, 0);
}

TEST_F(NetDevice, WaitsUntilAFrameIsOut) {
  guest_.put(0, frame_of(0, 60));
  channel_->result = -EAGAIN;
  channel_->then = 1;
  EXPECT_EQ(write(net_, guest_, 1), 1);
  EXPECT_EQ(guest_.waits, 1);
  EXPECT_EQ(guest_.out, 60u);
}

TEST_F(NetDevice, WaitsNoLongerThanTheRun) {
  guest_.put(0, frame_of(0, 60));
  guest_.ends = true;
  channel_->result = channel_->then = -EAGAIN;
  EXPECT_EQ(write(net_, guest_, 1), -SPRY_EAGAIN);
  EXPECT_EQ(guest_.waits, 1);
  EXPECT_EQ(guest_.out, 0u);
}

TEST_F(NetDevice, IsReadyAsItsChannelIs) {
  EXPECT_EQ(net_.ready_descriptor(), channel_->descriptor());
  EXPECT_FALSE(net_.ready());
  channel_->is_ready = true;
  EXPECT_TRUE(net_.ready());
}

}  // namespace
}  // namespace spry::net
