#include "kvm/write_log.h"

#include <algorithm>

#include "cpu/x86.h"

namespace spry {
namespace {

using x86::kPageSize;

// A slot's words among those of all pages.
template <class Word>
std::span<Word> of_slot(std::span<Word> bits, Range slot) {
  return bits.subspan(slot.start / kPageSize / WriteLog::kBits,
                      (slot.size() / kPageSize + WriteLog::kBits - 1) / WriteLog::kBits);
}

}  // namespace

KvmWriteLog::KvmWriteLog(Vm& vm, const std::vector<Range>& slots, DirtyRing* ring, std::uint64_t memory)
    : vm_(vm), slots_(slots), ring_(ring), bits_((memory / kPageSize + kBits - 1) / kBits) {}

std::uint64_t KvmWriteLog::words() const {
  return slots_.empty() ? 0 : (slots_.back().end / kPageSize + kBits - 1) / kBits;
}

void KvmWriteLog::collect() {
  ring_->collect([this](std::uint32_t slot, std::uint64_t offset) {
    const std::uint64_t page = slots_[slot].start / kPageSize + offset;
    bits_[page / kBits] |= std::uint64_t{1} << page % kBits;
  });
}

Result<std::span<const std::uint64_t>> KvmWriteLog::fetch() {
  if (ring_ != nullptr) {
    collect();
  } else {
    for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
      auto fetched = vm_.dirty_log(slot, of_slot(std::span(bits_), slots_[slot]));
      if (!fetched) return tl::unexpected(fetched.error());
    }
  }
  return std::span<const std::uint64_t>(bits_).first(words());
}

Result<void> KvmWriteLog::make_room() {
  collect();
  return vm_.reset_dirty_rings();
}

Result<void> KvmWriteLog::forget(std::span<const std::uint64_t> chosen) {
  const auto none = [](std::span<const std::uint64_t> some) {
    return std::all_of(some.begin(), some.end(), [](std::uint64_t word) { return word == 0; });
  };
  if (ring_ != nullptr) {
    if (none(chosen)) return {};
    std::fill(bits_.begin(), bits_.end(), 0);
    return vm_.reset_dirty_rings();
  }
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const auto part = of_slot(chosen, slots_[slot]);
    if (none(part)) continue;
    const auto pages = static_cast<std::uint32_t>(slots_[slot].size() / kPageSize);
    if (auto cleared = vm_.clear_dirty_log(slot, pages, part); !cleared) return cleared;
    const auto left = of_slot(std::span(bits_), slots_[slot]);
    for (std::size_t i = 0; i < part.size(); ++i) left[i] &= ~part[i];
  }
  return {};
}

}  // namespace spry
