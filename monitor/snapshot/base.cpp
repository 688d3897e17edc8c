#include "snapshot/base.h"

#include <algorithm>

#include "cpu/x86.h"
#include "kvm/entry_state.h"
#include "kvm/features.h"
#include "kvm/page_tables.h"
#include "kvm/system_page.h"
#include "kvm/trampoline.h"
#include "machine/probe.h"
#include "memory/boot_pages.h"
#include "system/io.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

Result<std::uint64_t> memory_size(const Image& image, const MachineOptions& options) {
  const std::uint64_t needed = image.manifest().memory;
  const std::uint64_t memory =
      options.memory.value_or(std::max(kDefaultMemory, round_up(std::min(needed, kMaximumMemory), kPageSize)));
  if (memory < kMinimumMemory || memory > kMaximumMemory || memory % kPageSize != 0) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{} bytes of memory: a machine has a multiple of 4096 from 2 MiB to 32 GiB", memory));
  }
  if (memory < needed) {
    return fail(ErrorCode::kNotUnikernel,
                fmt::format("{}: its manifest asks for at least {} KiB of memory, and the machine has {} KiB",
                            image.path(), (needed + 1023) >> 10, memory >> 10));
  }
  return memory;
}

std::uint64_t user_flags(const Permissions& permissions) {
  return PTE_US | (permissions.write ? PTE_RW : 0) | (permissions.execute ? 0 : PTE_XD);
}

// Maps all user memory that is there from the beginning, and what the gates need.
bool map_memory(const Base& base, PageTables& tables, Range input) {
  const Layout& layout = base.layout;
  bool mapped = tables.map({kSystemPage, kGateStack}, layout.slide, 0) &&
                tables.map({kGateStack, kPageTables}, layout.slide, PTE_RW | PTE_XD);
  // Executable; the guest only ever enters it where its actions begin.
  mapped = mapped && tables.map(layout.trampoline, layout.slide, PTE_US);
  if (!layout.probe.empty()) {
    const std::uint64_t page = layout.probe.start + kPageSize;
    mapped = mapped && tables.map({layout.probe.start, page}, layout.slide, PTE_US) &&
             tables.map({page, layout.probe.end}, layout.slide, PTE_US | PTE_RW | PTE_XD);
  }
  for (const Region& region : base.regions) {
    const bool heap = region.range.start == layout.heap.start && !layout.heap.empty();
    // The heap comes as memory slots cover it.
    const Range range =
        heap ? Range{layout.heap.start, std::clamp(base.covered, layout.heap.start, layout.heap.end)} : region.range;
    mapped = mapped && tables.map(range, layout.slide, user_flags(region.permissions));
  }
  return mapped && tables.map(input, layout.slide, user_flags({.read = true}));
}

tl::unexpected<Error> truncated(const Base& base) {
  return fail(ErrorCode::kMonitor, fmt::format("{}: the file was truncated since it was loaded", base.path));
}

// Maps the whole pages of a segment's file bytes, and reads the rest: around them a page is zero. Into a memfd, which
// further machines map, all is read.
Result<void> place_segment(const Base& base, std::span<std::byte> memory, const Segment& segment, FileBytes file) {
  const Range bytes = {segment.address, segment.address + segment.file_size};
  const Range pages = {round_up(bytes.start, kPageSize), round_down(bytes.end, kPageSize)};
  auto read = [&](Range range) {
    return read_all_at(file.descriptor, memory.subspan(range.start, range.size()),
                       file.offset + (range.start - bytes.start));
  };
  if (!base.contents.empty()) return read(bytes) ? Result<void>() : truncated(base);
  if (!read({bytes.start, pages.start}) || !read({pages.end, bytes.end})) return truncated(base);
  return map_private_large(memory.subspan(pages.start, pages.size()), file.descriptor,
                           file.offset + (pages.start - bytes.start));
}

}  // namespace

Result<Base> plan_base(const Image& image, const MachineOptions& options, std::vector<std::uint64_t> shared) {
  auto memory = memory_size(image, options);
  if (!memory) return tl::unexpected(memory.error());
  auto boot = boot_pages_size(options.arguments);
  if (!boot) return tl::unexpected(boot.error());
  auto layout =
      lay_out(image, {*memory, *boot, shared_areas_size(shared), options.max_input, options.reusable, options.verify});
  if (!layout) return tl::unexpected(layout.error());
  Base base;
  base.path = image.path();
  base.manifest = image.manifest();
  base.image = image;
  base.arguments = options.arguments;
  base.layout = *layout;
  base.regions = user_regions(image, *layout);
  base.shared = std::move(shared);
  base.covered = layout->initial;
  base.registers = entry_registers(*layout, image.entry());
  base.special = entry_special_registers(*layout, with_implied(base.manifest.features));
  return base;
}

Result<std::uint64_t> build_monitor_pages(const Base& base, std::span<std::byte> memory, Range input) {
  const Layout& layout = base.layout;
  auto bytes = [memory](Range range) { return memory.subspan(range.start, range.size()); };
  build_system_page(bytes({kSystemPage, kGateStack}), kSystemPage + layout.slide, kPageTables + layout.slide);
  PageTables tables(bytes(layout.tables), layout.tables.start);
  if (!map_memory(base, tables, input)) {
    return fail(ErrorCode::kNotUnikernel,
                fmt::format("{}: its segments and the machine's {} KiB of memory need more page tables than the {} "
                            "that fit below {:#x}",
                            base.path, layout.memory >> 10, layout.tables.size() / kPageSize, SPRY_IMAGE_MIN));
  }
  if (!layout.probe.empty()) write_probe(bytes(layout.probe));
  return tables.used();
}

Result<void> fill_base(Base& base, std::span<std::byte> memory, Range input) {
  const Layout& layout = base.layout;
  auto page_tables = build_monitor_pages(base, memory, input);
  if (!page_tables) return tl::unexpected(page_tables.error());
  base.page_tables = *page_tables;
  for (const Segment& segment : base.image->segments()) {
    if (const auto file = base.image->file_bytes(segment)) {
      if (auto placed = place_segment(base, memory, segment, *file); !placed) return placed;
      continue;
    }
    std::span<const std::byte> contents = base.image->contents(segment);
    std::copy(contents.begin(), contents.end(), memory.subspan(segment.address, contents.size()).begin());
  }
  return fill_boot_pages(base, memory.subspan(layout.boot.start, layout.boot.size()));
}

Result<std::shared_ptr<const Base>> load_contents(std::shared_ptr<const Base> base, const MachineOptions& options) {
  if (base->contents.in_memory()) return base;
  auto loaded = std::make_shared<Base>(Base{*base, {}});
  Layout& layout = loaded->layout;
  layout.input = input_area(layout.memory, options.max_input);
  place_monitor_pages(layout, true, options.verify);
  auto contents = base->contents.loaded(layout.memory);
  if (!contents) return tl::unexpected(contents.error());
  loaded->contents = std::move(*contents);
  auto built = build_monitor_pages(*loaded, loaded->contents.bytes({0, layout.memory}), layout.input);
  if (!built) return tl::unexpected(built.error());
  loaded->page_tables = *built;
  write_trampoline(*loaded, loaded->contents.bytes(layout.trampoline));
  return std::shared_ptr<const Base>(std::move(loaded));
}

}  // namespace spry
