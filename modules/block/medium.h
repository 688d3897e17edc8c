// What holds a disk's bytes, as the device sees it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace spry::block {

// Offsets and lengths lie within capacity(). Failures are numbers of errno.
class Medium {
 public:
  virtual ~Medium() = default;

  virtual std::uint64_t capacity() const = 0;  // bytes
  virtual bool read_only() const = 0;
  // Whether `discard` can do anything; true also if only trying could tell.
  virtual bool discards() const = 0;

  // As pread(2) and pwrite(2), without changing a file's size: they may transfer less than asked for, and -1 sets
  // errno. The bytes are guest memory, for system calls only.
  virtual ssize_t read(std::span<std::byte> bytes, std::uint64_t offset) = 0;
  virtual ssize_t write(std::span<const std::byte> bytes, std::uint64_t offset) = 0;

  // 0 or a number of errno.
  virtual int flush() = 0;
  virtual int discard(std::uint64_t offset, std::uint64_t length) = 0;

  // For Guest::wait.
  virtual int descriptor() const = 0;

  // As Device::single_use.
  virtual std::string single_use() const { return {}; }
  // Called between actions: forgets what was written, unless it is to last.
  virtual void forget() {}
  // Whether something was written that `forget` would forget.
  virtual bool forgettable() const { return false; }
};

}  // namespace spry::block
