// A guest and a medium for the tests of the block module.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block.h"
#include "fake_guest.h"

namespace spry::block {

// A guest whose run ends after `patience` waits.
class FakeGuest : public FakeGuestMemory {
 public:
  bool wait(int, short) override {
    ++waits;
    return waits <= patience;
  }

  int waits = 0;
  int patience = 1'000'000;
};

// A medium in memory. `step`, if set, is called before each transfer with its length. It returns how many bytes to
// transfer, or a negated errno.
class FakeMedium : public Medium {
 public:
  explicit FakeMedium(std::uint64_t size) : bytes_(size) {}

  std::uint64_t capacity() const override { return bytes_.size(); }
  bool read_only() const override { return is_read_only; }
  bool discards() const override { return can_discard; }
  ssize_t read(std::span<std::byte> bytes, std::uint64_t offset) override {
    const ssize_t length = allowed(bytes.size());
    if (length > 0) std::memcpy(bytes.data(), &bytes_[offset], static_cast<std::size_t>(length));
    return length;
  }
  ssize_t write(std::span<const std::byte> bytes, std::uint64_t offset) override {
    const ssize_t length = allowed(bytes.size());
    if (length > 0) std::memcpy(&bytes_[offset], bytes.data(), static_cast<std::size_t>(length));
    return length;
  }
  int flush() override {
    ++flushes;
    return std::exchange(flush_error, 0);
  }
  int discard(std::uint64_t offset, std::uint64_t length) override {
    if (discard_error != 0) return std::exchange(discard_error, 0);
    discarded.emplace_back(offset, length);
    return 0;
  }
  int descriptor() const override { return -1; }

  bool is_read_only = false;
  bool can_discard = true;
  std::function<ssize_t(std::size_t)> step;
  int flush_error = 0;  // of the next flush
  int flushes = 0;
  int discard_error = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> discarded;
  int transfers = 0;
  std::vector<std::byte> bytes_;

 private:
  ssize_t allowed(std::size_t length) {
    ++transfers;
    const ssize_t result = step ? step(length) : static_cast<ssize_t>(length);
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
  }
};

// A file that is removed with this object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::uint64_t size) {
    const char* const folder = std::getenv("TMPDIR");
    path_ = std::string(folder == nullptr ? "/tmp" : folder) + "/block-test-XXXXXX";
    descriptor_ = mkstemp(path_.data());
    if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) std::abort();
  }
  ~TemporaryFile() {
    unlink(path_.c_str());
    close(descriptor_);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_; }
  std::string content() const {
    std::string all(static_cast<std::size_t>(lseek(descriptor_, 0, SEEK_END)), '\0');
    if (pread(descriptor_, all.data(), all.size(), 0) != static_cast<ssize_t>(all.size())) std::abort();
    return all;
  }

 private:
  std::string path_;
  int descriptor_;
};

}  // namespace spry::block
