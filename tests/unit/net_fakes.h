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

#include "net.h"

namespace spry::net {

// Guest memory: from kBase on kSize writable bytes, then kSize that may only be read.
class FakeGuest : public Guest {
 public:
  static constexpr std::uint64_t kBase = 0x100000;
  static constexpr std::uint64_t kSize = std::uint64_t{1} << 20;
  static constexpr std::uint64_t kReadOnly = kBase + kSize;
  static constexpr std::uint64_t kEnd = kReadOnly + kSize;
  static constexpr std::uint64_t kArray = kBase;             // of descriptors
  static constexpr std::uint64_t kFrames = kBase + 0x10000;  // kStep bytes for each
  static constexpr std::uint32_t kStep = 2048;

  std::optional<std::span<std::byte>> resolve(GuestPointer pointer, std::uint64_t length, Access access) override {
    const auto address = static_cast<std::uint64_t>(pointer);
    if (length == 0) return std::span<std::byte>();
    const std::uint64_t end = access == Access::kWrite ? kReadOnly : kEnd;
    if (address < kBase || address >= end || length > end - address) return std::nullopt;
    return std::span(memory).subspan(address - kBase, length);
  }
  bool copy(std::span<std::byte> to, GuestPointer from) override {
    const auto source = resolve(from, to.size(), Access::kRead);
    if (!source) return false;
    if (!to.empty()) std::memcpy(to.data(), source->data(), to.size());
    return true;
  }
  bool wait(int fd, short events) override {
    ++waits;
    if (ends) return false;
    pollfd request = {fd, events, 0};
    constexpr int kPatience = 2000;  // milliseconds: then the deadline has passed
    ends = poll(&request, 1, kPatience) != 1;
    return !ends;
  }
  void count_in(std::uint64_t bytes) override { in += bytes; }
  void count_out(std::uint64_t bytes) override { out += bytes; }

  // For another thread: until the guest waits for the first time, or so long that it never will.
  void until_it_waits() const {
    for (int i = 0; i < 5000 && waits == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  std::byte* at(std::uint64_t address) { return &memory[address - kBase]; }
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

  std::vector<std::byte> memory = std::vector<std::byte>(2 * kSize);
  bool ends = false;
  std::atomic<int> waits = 0;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
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
  // What is there: a packet, or as much of a stream as `most`.
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
