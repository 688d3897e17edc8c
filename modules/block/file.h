// A disk that is a regular file or a block device.
#pragma once

#include <string>
#include <string_view>

#include "medium.h"
#include "specification.h"
#include "spry/error.h"

namespace spry::block {

// An Error if this process may not write a file of `capacity` bytes (RLIMIT_FSIZE): beyond its limit a write would
// raise SIGXFSZ, which ends the process.
Result<void> check_write_limit(std::string_view about, std::uint64_t capacity);

class File : public Medium {
 public:
  // Opens the file and locks it (fcntl(2), open file description locks, which QEMU takes too): exclusively if it will
  // be written, else shared. Nothing is written to it if the specification has `ro` or `overlay`. `name` is the disk's,
  // for the sentences of errors.
  static Result<File> open(std::string_view name, const Specification& specification);

  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  ~File() override;

  std::uint64_t capacity() const override { return capacity_; }
  bool read_only() const override { return read_only_; }
  bool discards() const override;
  ssize_t read(std::span<std::byte> bytes, std::uint64_t offset) override;
  ssize_t write(std::span<const std::byte> bytes, std::uint64_t offset) override;
  int flush() override;
  int discard(std::uint64_t offset, std::uint64_t length) override;
  int descriptor() const override { return descriptor_; }
  std::string single_use() const override;

 private:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  Result<void> examine(std::string_view about, std::uint32_t sector_size);

  int descriptor_ = -1;
  bool read_only_ = true;
  bool shared_ = false;
  bool device_ = false;  // a block device
  std::uint64_t capacity_ = 0;
};

}  // namespace spry::block
