#include "kvm/kvm_write_log.h"

#include <algorithm>

#include "cpu/x86.h"

namespace spry {

using x86::kPageSize;

std::uint64_t WriteLog::pages() const { return slots_.empty() ? 0 : slots_.back().end / kPageSize; }

std::span<std::uint64_t> WriteLog::of_slot(std::span<std::uint64_t> bits, std::uint32_t slot) const {
  const std::uint64_t first = slots_[slot].start / kPageSize / kBits;
  return bits.subspan(first, (slots_[slot].size() / kPageSize + kBits - 1) / kBits);
}

void WriteLog::collect(std::span<std::uint64_t> bits) {
  ring_->collect([this, bits](std::uint32_t slot, std::uint64_t offset) {
    const std::uint64_t page = slots_[slot].start / kPageSize + offset;
    bits[page / kBits] |= std::uint64_t{1} << page % kBits;
  });
}

Result<void> WriteLog::fetch(std::span<std::uint64_t> bits) {
  if (ring_ != nullptr) {
    collect(bits);
    return {};
  }
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (auto fetched = vm_.dirty_log(slot, of_slot(bits, slot)); !fetched) return fetched;
  }
  return {};
}

Result<void> WriteLog::make_room(std::span<std::uint64_t> bits) {
  collect(bits);
  return vm_.reset_dirty_rings();
}

Result<void> WriteLog::forget(std::span<std::uint64_t> chosen, std::span<std::uint64_t> bits) {
  const auto none = [](std::span<const std::uint64_t> words) {
    return std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word == 0; });
  };
  if (ring_ != nullptr) {
    if (none(chosen)) return {};
    std::fill(bits.begin(), bits.end(), 0);
    return vm_.reset_dirty_rings();
  }
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const auto part = of_slot(chosen, slot);
    if (none(part)) continue;
    const auto pages = static_cast<std::uint32_t>(slots_[slot].size() / kPageSize);
    if (auto cleared = vm_.clear_dirty_log(slot, pages, part); !cleared) return cleared;
    const auto left = of_slot(bits, slot);
    for (std::size_t i = 0; i < part.size(); ++i) left[i] &= ~part[i];
  }
  return {};
}

}  // namespace spry
