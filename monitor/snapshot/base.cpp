#include "snapshot/base.h"

#include <algorithm>

#include "cpu/x86.h"
#include "snapshot/boot_pages.h"
#include "spry/abi.h"
#include "system/io.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

Result<std::uint64_t> memory_size(const Image& image, const MachineOptions& options) {
  const std::uint64_t needed = image.manifest().memory;
  const std::uint64_t memory =
      options.memory.value_or(std::max(kDefaultMemory, round_up(std::min(needed, kMaximumMemory), kPageSize)));
  if (memory < kMinimumMemory || memory > kMaximumMemory || memory % kPageSize != 0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} bytes of memory: a machine has a multiple of 4096 from 2 MiB to 32 GiB", memory));
  }
  if (memory < needed) {
    return fail(ErrorCode::kNotUnikernel,
                fmt::format("{}: its manifest asks for at least {} KiB of memory, and the machine has {} KiB",
                            escape_path(image.path()), (needed + 1023) >> 10, memory >> 10));
  }
  return memory;
}

// docs/abi.md, "Entry".
CpuState entry_state(const Layout& layout, const Image& image) {
  CpuState state;
  state.registers.rip = image.entry();
  state.registers.rsp = layout.stack.end + layout.slide;
  state.registers.rflags = RFLAGS_FIXED | RFLAGS_IF;
  state.registers.rax = SPRY_ENTRY_MAGIC;
  state.registers.rdi = layout.boot.start + layout.slide;
  state.fs.base = layout.boot.start + layout.slide;
  state.system_calls = image.system_calls();
  return state;
}

tl::unexpected<Error> truncated(const Base& base) {
  return fail(ErrorCode::kFile, fmt::format("{}: the file was truncated since it was loaded", base.name));
}

// Maps the whole pages of a segment's file bytes, and reads the partial pages at both ends, whose other bytes stay
// zero. If the base has contents, which further machines begin with, reads all into those instead.
Result<void> place_segment(const Base& base, GuestMemory& memory, const Segment& segment, FileBytes file) {
  const Range bytes = {segment.address, segment.address + segment.file_size};
  auto read = [&](std::span<std::byte> to, std::uint64_t start) {
    return read_all_at(file.descriptor, to, file.offset + (start - bytes.start));
  };
  if (!base.contents.empty()) return read(base.contents.bytes(bytes), bytes.start) ? Result<void>() : truncated(base);
  const Range pages = {round_up(bytes.start, kPageSize), round_down(bytes.end, kPageSize)};
  if (!read(memory.bytes({bytes.start, pages.start}), bytes.start) ||
      !read(memory.bytes({pages.end, bytes.end}), pages.end)) {
    return truncated(base);
  }
  return memory.map_private_large(pages, file.descriptor, file.offset + (pages.start - bytes.start));
}

// Brings in the pages that are about to be written: by fill_base, and by devices in the areas that they share. Adjacent
// ranges are brought in together.
void expect_writes(const Base& base, GuestMemory& memory) {
  Range together;
  auto expect = [&](Range range) {
    if (range.empty()) return;
    const Range pages = {round_down(range.start, kPageSize), round_up(range.end, kPageSize)};
    if (!together.empty() && pages.start >= together.start && pages.start <= together.end) {
      together.end = std::max(together.end, pages.end);
      return;
    }
    if (!together.empty()) memory.expect_writes(together);
    together = pages;
  };
  expect(base.layout.boot);
  expect(base.layout.shared);
  for (const Segment& segment : base.image->segments()) {
    if (base.image->file_bytes(segment)) continue;
    expect({segment.address, segment.address + base.image->contents(segment).size()});
  }
  if (!together.empty()) memory.expect_writes(together);
}

}  // namespace

Result<Base> plan_base(const Image& image, const MachineOptions& options, std::vector<std::uint64_t> shared) {
  auto memory = memory_size(image, options);
  if (!memory) return tl::unexpected(memory.error());
  auto boot = boot_pages_size(options.arguments);
  if (!boot) return tl::unexpected(boot.error());
  auto layout = lay_out(image, {*memory, *boot, shared_areas_size(shared), options.reusable});
  if (!layout) return tl::unexpected(layout.error());
  Base base;
  base.path = image.path();
  base.name = escape_path(base.path);
  base.manifest = image.manifest();
  base.image = image;
  base.arguments = options.arguments;
  base.layout = *layout;
  base.regions = user_regions(image, *layout);
  base.shared = std::move(shared);
  base.covered = layout->initial;
  base.cpu = entry_state(*layout, image);
  return base;
}

Result<void> fill_base(const Base& base, GuestMemory& memory) {
  if (base.contents.empty()) expect_writes(base, memory);
  auto bytes = [&](Range range) { return base.contents.empty() ? memory.bytes(range) : base.contents.bytes(range); };
  for (const Segment& segment : base.image->segments()) {
    if (const auto file = base.image->file_bytes(segment)) {
      if (auto placed = place_segment(base, memory, segment, *file); !placed) return placed;
      continue;
    }
    std::span<const std::byte> contents = base.image->contents(segment);
    std::copy(contents.begin(), contents.end(), bytes({segment.address, segment.address + contents.size()}).begin());
  }
  return fill_boot_pages(base, bytes(base.layout.boot));
}

Result<std::shared_ptr<const Base>> load_contents(std::shared_ptr<const Base> base) {
  if (base->contents.in_memory()) return base;
  auto loaded = std::make_shared<Base>(Base{*base, {}});
  auto contents = base->contents.loaded(base->layout.memory);
  if (!contents) return tl::unexpected(contents.error());
  contents->settle();
  loaded->contents = std::move(*contents);
  return std::shared_ptr<const Base>(std::move(loaded));
}

}  // namespace spry
