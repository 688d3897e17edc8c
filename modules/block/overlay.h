// A disk whose writes live in memory and vanish with the run.
#pragma once

#include "file.h"
#include "medium.h"

namespace spry::block {

// A memfd as large as the file below it has the sectors that were written, and a bit for each sector says which they
// are. Both are sparse: memory goes to what was written, and nothing to the file.
class Overlay : public Medium {
 public:
  static Result<Overlay> create(std::string_view name, const Specification& specification, File base);

  Overlay(Overlay&& other) noexcept;
  Overlay& operator=(Overlay&&) = delete;
  ~Overlay() override;

  std::uint64_t capacity() const override { return base_.capacity(); }
  bool read_only() const override { return false; }
  bool discards() const override { return true; }
  ssize_t read(std::span<std::byte> bytes, std::uint64_t offset) override;
  ssize_t write(std::span<const std::byte> bytes, std::uint64_t offset) override;
  // Nothing can survive the run, so nothing is to be done.
  int flush() override { return 0; }
  // Discarded sectors are zeros.
  int discard(std::uint64_t offset, std::uint64_t length) override;
  int descriptor() const override { return base_.descriptor(); }
  void forget() override;
  bool forgettable() const override { return written_; }

 private:
  Overlay(File base, std::uint32_t sector_size);

  std::uint64_t bitmap_size() const;  // bytes
  bool is_written(std::uint64_t sector) const;
  // The sectors of [offset, offset + length) are written from now on.
  void mark(std::uint64_t offset, std::uint64_t length);

  File base_;
  std::uint32_t sector_size_;
  int memory_ = -1;
  std::uint64_t* bitmap_ = nullptr;
  bool written_ = false;  // any sector
};

}  // namespace spry::block
