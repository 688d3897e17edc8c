#include "memory/layout.h"

#include <algorithm>

#include "cpu/x86.h"
#include "spry/abi.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

using x86::kLargePageSize;
using x86::kPageSize;
using x86::round_down;
using x86::round_up;

// How much memory is there at first. Reusable machines map 8 MiB up front, so that actions do not grow memory. A
// machine that runs once has small pages for a heap of 512 KiB at least; what it grows into comes in large ones.
constexpr std::uint64_t kInitialOfReusable = std::uint64_t{8} << 20;
constexpr std::uint64_t kInitialHeap = std::uint64_t{512} << 10;
constexpr Permissions kReadOnly = {.read = true};
constexpr Permissions kReadWrite = {.read = true, .write = true};

void place_platform_pages(Layout& layout) {
  layout.probe = {layout.boot.start - 2 * kPageSize, layout.boot.start};
  layout.trampoline = {layout.probe.start - kPageSize, layout.probe.start};
  layout.platform = {kPlatformStart, layout.trampoline.start};
}

// How much of memory is there at first: all of it if the stack lies at its end.
std::uint64_t initially_covered(const Layout& layout, bool reusable) {
  if (!layout.low_stack()) return layout.memory;
  const std::uint64_t wanted =
      reusable ? std::max(kInitialOfReusable, round_up(layout.image.end, kLargePageSize) + kLargePageSize)
               : round_up(layout.image.end + kInitialHeap, kLargePageSize);
  return std::min(layout.memory, wanted);
}

// Places shared areas, stack and boot pages below SPRY_IMAGE_MIN, or stack and shared areas at the end of memory.
bool place_stack(Layout& layout, const LayoutRequest& request, std::uint64_t stack_size) {
  if (stack_size > layout.memory || request.shared > layout.memory) return false;  // so that no sum below overflows
  const bool low = stack_size <= kLargestLowStack && request.shared <= kLargestLowShared;
  const std::uint64_t end = low ? SPRY_IMAGE_MIN - kLowGuard : layout.memory;
  const std::uint64_t needed = round_up(stack_size + request.shared, kPageSize);
  if (needed + (low ? kLowGuard : kGuard) > end) return false;
  layout.shared = {round_down(end - request.shared, 16), end};
  layout.stack = {end - needed, layout.shared.start};
  const std::uint64_t guard = layout.guard().start;
  const std::uint64_t boot_end = low ? guard : SPRY_IMAGE_MIN;
  layout.boot = {boot_end - round_up(request.boot, kPageSize), boot_end};
  place_platform_pages(layout);
  layout.heap = {layout.image.end, low ? layout.memory : guard};
  return layout.heap.start <= layout.heap.end;
}

// Cuts a writable segment where RELRO makes its beginning read-only.
void add_segment(std::vector<Region>& regions, const Segment& segment, Range relro) {
  Range pages = {round_down(segment.address, kPageSize), round_up(segment.address + segment.memory_size, kPageSize)};
  if (relro.empty() || relro.start < pages.start || relro.end > pages.end) {
    regions.push_back({pages, segment.permissions});
    return;
  }
  Permissions protected_permissions = segment.permissions;
  protected_permissions.write = false;
  const Region parts[] = {{{pages.start, relro.start}, segment.permissions},
                          {relro, protected_permissions},
                          {{relro.end, pages.end}, segment.permissions}};
  for (const Region& part : parts) {
    if (!part.range.empty()) regions.push_back(part);
  }
}

}  // namespace

std::optional<Layout> lay_out(const ImageShape& image, const LayoutRequest& request) {
  Layout layout;
  layout.slide = image.slide;
  layout.memory = request.memory;
  layout.image = image.extent;
  if (layout.image.end > layout.memory || !place_stack(layout, request, image.stack)) return std::nullopt;
  layout.initial = initially_covered(layout, request.reusable);
  return layout;
}

Result<Layout> lay_out(const Image& image, const LayoutRequest& request) {
  if (image.extent().end > request.memory) {
    return fail(ErrorCode::kNotUnikernel,
                fmt::format("{}: its segments end at {:#x}, beyond the {} KiB of memory that the machine has",
                            escape_path(image.path()), image.extent().end, request.memory >> 10));
  }
  const std::uint64_t stack = image.manifest().stack != 0 ? image.manifest().stack : kDefaultStack;
  const bool fits = stack <= request.memory;
  const auto layout =
      fits ? lay_out({image.slide(), image.extent(), round_up(stack, kPageSize)}, request) : std::nullopt;
  if (layout) return *layout;
  return fail(ErrorCode::kNotUnikernel,
              fmt::format("{}: {} KiB of memory do not hold its segments and its stack of {} KiB",
                          escape_path(image.path()), request.memory >> 10, stack >> 10));
}

std::uint64_t covered_up_to(const Layout& layout, std::uint64_t end) {
  return std::min(layout.memory, std::max(layout.initial, round_up(end, kLargePageSize)));
}

Range input_area(std::uint64_t memory, std::uint64_t size) {
  const std::uint64_t start = round_up(memory + kGuard, kLargePageSize);
  return {start, start + round_up(size, kPageSize)};
}

std::vector<Region> user_regions(const Image& image, const Layout& layout) {
  std::vector<Region> regions;
  regions.reserve(image.segments().size() + 6);
  regions.push_back({layout.boot, kReadOnly});
  auto add_stack = [&] { regions.push_back({{layout.stack.start, layout.shared.end}, kReadWrite}); };
  if (layout.low_stack()) add_stack();
  for (const Segment& segment : image.segments()) add_segment(regions, segment, image.relro());
  if (!layout.heap.empty()) regions.push_back({layout.heap, kReadWrite});
  if (!layout.low_stack()) add_stack();
  return regions;
}

}  // namespace spry
