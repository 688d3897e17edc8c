// A guest with frames in its memory, and pairs of sockets, for the tests of the net module.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fake_guest.h"
#include "net.h"

namespace spry::net {

// A guest with an array of descriptors and their frames.
class FakeGuest : public FakeGuestMemory {
 public:
  static constexpr std::uint64_t kArray = kBase;             // of descriptors
  static constexpr std::uint64_t kFrames = kBase + 0x10000;  // kStep bytes for each
  static constexpr std::uint32_t kStep = 2048;

  bool wait(int fd, short events) override {
    ++waits;
    if (ends) return false;
    pollfd request = {fd, events, 0};
    constexpr int kPatience = 2000;  // milliseconds after which the deadline has passed
    ends = poll(&request, 1, kPatience) != 1;
    return !ends;
  }

  // For another thread: waits until the guest waits for the first time, or for so long that the guest never will.
  void until_it_waits() const {
    for (int i = 0; i < 5000 && waits == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void describe(std::size_t i, const spry_net_frame& frame) {
    std::memcpy(at(kArray + i * sizeof frame), &frame, sizeof frame);
  }
  spry_net_frame described(std::size_t i) {
    spry_net_frame frame;
    std::memcpy(&frame, at(kArray + i * sizeof frame), sizeof frame);
    return frame;
  }
  // Describes frame `i` with these bytes, to be sent.
  void put(std::size_t i, const std::string& bytes) {
    const std::uint64_t address = kFrames + i * kStep;
    std::memcpy(at(address), bytes.data(), bytes.size());
    describe(i, {address, static_cast<std::uint32_t>(bytes.size()), 0});
  }
  // Describes room for `count` frames.
  void make_room(std::size_t count, std::uint32_t room = 1518) {
    for (std::size_t i = 0; i < count; ++i) describe(i, {kFrames + i * kStep, room, 7});
  }
  // The frame that descriptor `i` describes.
  std::string get(std::size_t i) {
    const spry_net_frame frame = described(i);
    return {reinterpret_cast<const char*>(at(frame.address)), frame.length};
  }

  bool ends = false;
  std::atomic<int> waits = 0;
};

// Two connected sockets: `ours` for a channel, which owns it once it is taken, `peer` for the test.
class Pair {
 public:
  explicit Pair(int type) {
    int ends[2];
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) ADD_FAILURE() << "no sockets";
    ours_ = ends[0];
    peer_ = ends[1];
    fcntl(peer_, F_SETFL, O_NONBLOCK);
  }
  ~Pair() {
    if (ours_ >= 0) close(ours_);
    leave();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  int take() { return std::exchange(ours_, -1); }
  int peer() const { return peer_; }
  void leave() {
    if (peer_ >= 0) close(std::exchange(peer_, -1));
  }
  void say(const std::string& bytes) const {
    EXPECT_EQ(send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // Receives what is there: a packet, or at most `most` bytes of a stream.
  std::optional<std::string> hear(std::size_t most = 1 << 16) const {
    std::string bytes(most, '\0');
    const ssize_t length = recv(peer_, bytes.data(), bytes.size(), 0);
    if (length < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(length));
    return bytes;
  }

 private:
  int ours_ = -1;
  int peer_ = -1;
};

inline constexpr MacAddress kMac = {2, 3, 4, 5, 6, 7};

// Frame number `i`, of `length` bytes.
inline std::string frame_of(std::size_t i, std::size_t length) {
  std::string bytes(length, '.');
  for (std::size_t k = 0; k < length; ++k) bytes[k] = static_cast<char>('a' + (i + k) % 26);
  return bytes;
}

inline std::int64_t read(Net& net, Guest& guest, std::uint64_t count, std::uint64_t array = FakeGuest::kArray) {
  return net.call(guest, {SPRY_NET_READ, array, count, 0}).value();
}
inline std::int64_t write(Net& net, Guest& guest, std::uint64_t count, std::uint64_t array = FakeGuest::kArray) {
  return net.call(guest, {SPRY_NET_WRITE, array, count, 0}).value();
}

}  // namespace spry::net
