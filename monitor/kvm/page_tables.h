// 4-level page tables (SDM 3A 4.5), built in guest memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "spry/image.h"

namespace spry {

// Writes entries into tables that it takes, one page after the other, from an area of zeroed guest memory. Entries have
// their accessed and dirty bits set, so that the CPU never writes them. Some hosts ignore any change of an entry that
// was used, except from absent to present: so nothing is ever unmapped.
class PageTables {
 public:
  PageTables() = default;
  // `area` is the host's view of guest-physical [address, address + area.size()). The first page is the root (CR3), and
  // the first `used` pages are tables already.
  PageTables(std::span<std::byte> area, std::uint64_t address, std::uint64_t used = 1);

  // Maps guest-physical `range` at the same address plus `slide`; both page-aligned. `flags` are PTE_RW, PTE_US and
  // PTE_XD. Uses 2 MiB entries where the range has whole ones. False if the area has no page left for a table.
  [[nodiscard]] bool map(Range range, std::uint64_t slide, std::uint64_t flags);

  std::uint64_t root() const { return address_; }
  // Pages in use, the root included.
  std::uint64_t used() const { return used_; }

 private:
  std::uint64_t* entry(std::uint64_t table, std::uint64_t virtual_address, unsigned level);
  // The next lower table that `entry` points to, made if absent; 0 if the area is full.
  std::uint64_t descend(std::uint64_t* entry);

  std::span<std::byte> area_;
  std::uint64_t address_ = 0;
  std::uint64_t used_ = 1;
};

}  // namespace spry
