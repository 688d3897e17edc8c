#include "kvm/memory_map.h"

#include <algorithm>

#include "cpu/x86.h"
#include "kvm/system_page.h"
#include "spry/abi.h"

namespace spry {

using namespace x86;

std::uint64_t user_flags(const Permissions& permissions) {
  return PTE_US | (permissions.write ? PTE_RW : 0) | (permissions.execute ? 0 : PTE_XD);
}

bool map_memory(PageTables& tables, const Furnishing& furnishing) {
  const Layout& layout = furnishing.layout;
  const std::uint64_t slide = layout.slide;
  bool mapped =
      tables.map({kSystemPage, kGateStack}, slide, 0) && tables.map({kGateStack, kPageTables}, slide, PTE_RW | PTE_XD);
  // The trampoline's page is executable. The guest enters it where its actions begin, by `syscall`, and to set the base
  // of FS.
  if (furnishing.reusable || furnishing.state.system_calls.served() || (furnishing.features & SPRY_FEATURE_FSBASE) != 0)
    mapped = mapped && tables.map(layout.trampoline, slide, PTE_US);
  if (furnishing.verify) {
    const std::uint64_t page = layout.probe.start + kPageSize;
    mapped = mapped && tables.map({layout.probe.start, page}, slide, PTE_US) &&
             tables.map({page, layout.probe.end}, slide, PTE_US | PTE_RW | PTE_XD);
  }
  for (const Region& region : furnishing.regions) {
    const bool heap = region.range.start == layout.heap.start && !layout.heap.empty();
    // Of the heap, only what memory slots cover is mapped at first.
    const Range range =
        heap ? Range{layout.heap.start, std::clamp(furnishing.covered, layout.heap.start, layout.heap.end)}
             : region.range;
    mapped = mapped && tables.map(range, slide, user_flags(region.permissions));
  }
  return mapped && tables.map(furnishing.input, slide, user_flags({.read = true}));
}

}  // namespace spry
