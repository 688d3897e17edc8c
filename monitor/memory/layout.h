// Where everything lies in guest-physical memory. Guest virtual = guest physical + the image's slide.
//
//   0x000000  nothing: null pointers fault
//   0x001000  system page        GDT, TSS, IDT, gates; supervisor, read and execute
//   0x002000  gate stack         supervisor, read and write
//   0x003000  page tables        not mapped at all; the area ends where the boot page begins
//   ...       boot page, argv    user, read
//             guard              not mapped: a stack overflow ends here
//             stack              user, read and write, growing down
//             shared areas       user, read and write: the devices'; above the stack, in its last page if they fit
//   0x100000  image              each segment with its own permissions (SPRY_IMAGE_MIN)
//             heap               user, read and write, to the end of memory
//   ...       input              user, read; outside of what --memory counts, 2 MiB aligned
//
// A stack larger than 512 KiB, or shared areas larger than 128 KiB, lie with the guard at the end of memory instead, so
// that page tables for the largest machine have room below. Nearly everything that a
// small action touches is within one page table's 2 MiB: each further table costs the host a shadow page.
#pragma once

#include <cstdint>
#include <vector>

#include "spry/error.h"
#include "spry/image.h"

namespace spry {

inline constexpr std::uint64_t kSystemPage = 0x1000;
inline constexpr std::uint64_t kGateStack = 0x2000;
inline constexpr std::uint64_t kPageTables = 0x3000;
inline constexpr std::uint64_t kDefaultStack = std::uint64_t{256} << 10;
inline constexpr std::uint64_t kLargestLowStack = std::uint64_t{512} << 10;
inline constexpr std::uint64_t kLargestLowShared = std::uint64_t{128} << 10;
inline constexpr std::uint64_t kLargestArguments = std::uint64_t{64} << 10;

struct Layout {
  std::uint64_t slide = 0;
  Range tables;
  Range trampoline;  // of machines that run several actions, one page; else empty
  Range probe;       // with options.verify, the probe's code and its page; else empty, at the end of the tables
  Range boot;        // the boot page and, behind spry_boot, argv and its strings
  Range stack;
  Range shared;  // the devices' areas, each 16-byte aligned; stack.end == shared.start
  Range image;   // page-aligned
  Range heap;
  Range input;                // room for the largest input, page-aligned, or empty
  std::uint64_t memory = 0;   // bytes
  std::uint64_t initial = 0;  // bytes from 0 that the first memory slot covers; the rest is added when first touched
};

// What is to be laid out beside the image, in bytes.
struct LayoutRequest {
  std::uint64_t memory = 0;
  std::uint64_t boot = 0;
  std::uint64_t shared = 0;
  std::uint64_t input = 0;
  bool trampoline = false;
  bool probe = false;
};

// Errors: kNotUnikernel if the image, its stack or its arguments do not fit into the memory; the sentence begins with
// the image's path.
Result<Layout> lay_out(const Image& image, const LayoutRequest& request);

// Sets layout.tables, trampoline and probe below the boot pages: what the monitor needs of its own.
void place_monitor_pages(Layout& layout, bool trampoline, bool probe);

// A range of user memory, with what the guest may do in it.
struct Region {
  Range range;  // guest-physical
  Permissions permissions;
};

// Guest-physical, behind `memory` bytes of it: room for an input of `size` bytes.
Range input_area(std::uint64_t memory, std::uint64_t size);

// All of the guest's own memory but the input, in ascending order, page-aligned, without overlap.
std::vector<Region> user_regions(const Image& image, const Layout& layout);

}  // namespace spry
