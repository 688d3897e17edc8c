#include "machine/dirty_pages.h"

#include <algorithm>

namespace spry {

using x86::kPageSize;

void DirtyPages::mark(Range range) {
  const std::uint64_t first = range.start / kPageSize;
  const std::uint64_t end = std::min<std::uint64_t>((range.end + kPageSize - 1) / kPageSize, written_.size() * kBits);
  for (std::uint64_t page = first; page < end; ++page) {
    written_[page / kBits] |= std::uint64_t{1} << page % kBits;
  }
  if (first < end) written_end_ = std::max<std::size_t>(written_end_, (end - 1) / kBits + 1);
}

Result<void> DirtyPages::fetch(Vm& vm, std::span<const Range> slots) {
  std::uint64_t covered = 0;
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
    const std::uint64_t first = slots[slot].start / kPageSize / kBits;
    const std::uint64_t pages = slots[slot].size() / kPageSize;
    auto fetched = vm.dirty_log(slot, std::span(logged_).subspan(first, (pages + kBits - 1) / kBits));
    if (!fetched) return fetched;
    covered = slots[slot].end;
  }
  end_ = std::max<std::size_t>((covered / kPageSize + kBits - 1) / kBits, written_end_);
  return {};
}

Result<void> DirtyPages::clear_in_kvm(Vm& vm, std::span<const Range> slots, std::span<std::uint64_t> bits) {
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
    const std::uint64_t first = slots[slot].start / kPageSize / kBits;
    const std::uint64_t pages = slots[slot].size() / kPageSize;
    if (first >= bits.size()) break;
    const auto part = bits.subspan(first, std::min<std::size_t>((pages + kBits - 1) / kBits, bits.size() - first));
    if (std::all_of(part.begin(), part.end(), [](std::uint64_t word) { return word == 0; })) continue;
    auto cleared = vm.clear_dirty_log(slot, static_cast<std::uint32_t>(pages), part);
    if (!cleared) return cleared;
    for (std::size_t i = 0; i < part.size(); ++i) logged_[first + i] &= ~part[i];
  }
  return {};
}

Result<void> DirtyPages::clear(Vm& vm, std::span<const Range> slots) {
  if (auto fetched = fetch(vm, slots); !fetched) return fetched;
  std::fill(written_.begin(), written_.end(), 0);
  written_end_ = 0;
  std::vector<std::uint64_t> all(logged_.begin(), logged_.begin() + static_cast<std::ptrdiff_t>(end_));
  return clear_in_kvm(vm, slots, all);
}

}  // namespace spry
