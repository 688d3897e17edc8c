// The disk: a device that reads and writes sectors (docs/abi.md, "Block").
#pragma once

#include <cstdint>
#include <memory>

#include "medium.h"
#include "spry/abi.h"
#include "spry/api.h"
#include "spry/module.h"

namespace spry {

class Block : public Device {
 public:
  // The medium's capacity is a multiple of the sector size.
  Block(std::unique_ptr<block::Medium> medium, std::uint32_t sector_size);

  void attach(std::span<std::byte> shared) override;
  Result<std::int64_t> call(Guest& guest, const DeviceCall& call) override;
  std::string constants() const override;
  // Fails if sectors of an overlay were written before `ready`, because they could not be brought back.
  Result<std::string> save() override;
  int file() const override { return medium_->descriptor(); }
  std::string single_use() const override { return medium_->single_use(); }

 private:
  // Each returns what the guest gets.
  std::int64_t info(Guest& guest, GuestPointer answer) const;
  std::int64_t read(Guest& guest, std::uint64_t offset, GuestPointer bytes, std::uint64_t length);
  std::int64_t write(Guest& guest, std::uint64_t offset, GuestPointer bytes, std::uint64_t length);
  std::int64_t flush();
  std::int64_t discard(Guest& guest, std::uint64_t offset, std::uint64_t length);

  // Whether [offset, offset + length) is one or more whole sectors of this disk.
  bool has(std::uint64_t offset, std::uint64_t length) const;

  std::unique_ptr<block::Medium> medium_;
  std::uint32_t sector_size_;
  std::int64_t flush_failure_ = 0;  // the answer of the action's first flush that failed
};

SPRY_API extern const Module block_module;

}  // namespace spry
