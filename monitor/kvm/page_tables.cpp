#include "kvm/page_tables.h"

#include <algorithm>

#include "cpu/x86.h"

namespace spry {
namespace {

using namespace x86;

constexpr std::uint64_t kAddressMask = 0x000ffffffffff000;
constexpr unsigned kIndexBits = 9;

// The bit of a virtual address at which the index into a table of `level` begins: 1 = PT, 4 = PML4.
constexpr unsigned index_shift(unsigned level) { return 12 + kIndexBits * (level - 1); }

}  // namespace

PageTables::PageTables(std::span<std::byte> area, std::uint64_t address, std::uint64_t used)
    : area_(area), address_(address), used_(used) {}

std::uint64_t* PageTables::entry(std::uint64_t table, std::uint64_t virtual_address, unsigned level) {
  std::uint64_t index = virtual_address >> index_shift(level) & ((1u << kIndexBits) - 1);
  // Tables lie in page-aligned host memory.
  auto* entries = reinterpret_cast<std::uint64_t*>(area_.subspan(table - address_, kPageSize).data());
  return entries + index;
}

std::uint64_t PageTables::descend(std::uint64_t* entry) {
  if (*entry & PTE_P) return *entry & kAddressMask;
  if ((used_ + 1) * kPageSize > area_.size()) return 0;
  std::uint64_t table = address_ + used_++ * kPageSize;
  // The new table is written before it is read: in memory that was never touched, reading first costs a second page
  // fault.
  *this->entry(table, 0, 1) = 0;
  *entry = table | PTE_P | PTE_RW | PTE_US | PTE_A;
  return table;
}

bool PageTables::map(Range range, std::uint64_t slide, std::uint64_t flags) {
  flags |= PTE_P | PTE_A | PTE_D;
  std::uint64_t address = range.start;
  while (address < range.end) {
    std::uint64_t virtual_address = address + slide;
    std::uint64_t table = address_;
    for (unsigned level = 4; level > 2; --level) {
      table = descend(entry(table, virtual_address, level));
      if (table == 0) return false;
    }
    // The slide is a multiple of 2 MiB: physical and virtual are aligned alike.
    std::uint64_t* directory_entry = entry(table, virtual_address, 2);
    if (address % kLargePageSize == 0 && range.end - address >= kLargePageSize && !(*directory_entry & PTE_P)) {
      *directory_entry = address | flags | PTE_PS;
      address += kLargePageSize;
      continue;
    }
    table = descend(directory_entry);
    if (table == 0) return false;
    std::uint64_t end = std::min(range.end, round_down(address, kLargePageSize) + kLargePageSize);
    for (std::uint64_t* leaf = entry(table, virtual_address, 1); address < end; address += kPageSize) {
      *leaf++ = address | flags;
    }
  }
  return true;
}

}  // namespace spry
