// A disk whose writes live in memory and vanish with the run.
#pragma once

#include "bitmap.h"
#include "file.h"
#include "medium.h"
#include "system/descriptor.h"

namespace spry::block {

// A memfd as large as the file below it has the sectors that were written, and a bitmap says which those are. Both are
// sparse, so only written sectors take memory. Nothing is written to the file. The specification bounds the pages of
// the memfd: a write that needs more fails with ENOSPC, and discarding makes room.
class Overlay : public Medium {
 public:
  static Result<Overlay> create(std::string_view name, const Specification& specification, File base);

  std::uint64_t capacity() const override { return base_.capacity(); }
  bool read_only() const override { return false; }
  bool discards() const override { return true; }
  ssize_t read(std::span<std::byte> bytes, std::uint64_t offset) override;
  ssize_t write(std::span<const std::byte> bytes, std::uint64_t offset) override;
  // Does nothing, because nothing outlives the run.
  int flush() override { return 0; }
  // Discarded sectors are zeros.
  int discard(std::uint64_t offset, std::uint64_t length) override;
  int descriptor() const override { return base_.descriptor(); }
  void forget() override;
  bool forgettable() const override { return forgettable_; }

 private:
  Overlay(File base, Descriptor memory, Bitmap written, Bitmap kept, const Specification& specification);

  int punch(std::uint64_t offset, std::uint64_t end);
  // How many bytes of a write there is room for.
  std::uint64_t room_for(std::uint64_t offset, std::uint64_t length) const;
  // Notes that the memfd has the sectors of [offset, offset + length).
  void mark(std::uint64_t offset, std::uint64_t length);

  File base_;
  std::uint32_t sector_size_;
  std::uint64_t most_pages_;
  Descriptor memory_;
  Bitmap written_;            // sectors
  Bitmap kept_;               // pages of the memfd
  std::uint64_t pages_ = 0;   // how many bits of kept_ are set
  bool forgettable_ = false;  // whether any sector was written
};

}  // namespace spry::block
