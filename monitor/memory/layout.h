// Where everything lies in guest-physical memory. Guest virtual = guest physical + the image's slide.
//
//   0x000000  nothing: null pointers fault, and no process can map what lies below vm.mmap_min_addr
//   0x010000  the platform's     KVM's descriptor tables, gates and page tables, the probe; not the guest's
//   ...       boot page, argv    user, read
//             guard              not mapped: a stack overflow ends here
//             stack              user, read and write, growing down
//             shared areas       user, read and write: the devices'; above the stack, in its last page if they fit
//             guard              not mapped
//   0x100000  image              each segment with its own permissions (SPRY_IMAGE_MIN)
//             heap               user, read and write, to the end of memory
//   ...       input              user, read; outside of what --memory counts, 2 MiB aligned
//
// A stack larger than 512 KiB, or shared areas larger than 64 KiB, lie at the end of memory instead, above a guard of
// 1 MiB, so that page tables for the largest machine have room below. The guards of a low stack are smaller, because
// nothing below it can be written: a frame that steps over the guard faults at its first write all the same. Nearly
// everything that a small action touches is within one page table's 2 MiB: each further table costs the host a shadow
// page.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "spry/error.h"
#include "spry/image.h"

namespace spry {

inline constexpr std::uint64_t kPlatformStart = 0x10000;
inline constexpr std::uint64_t kDefaultStack = std::uint64_t{256} << 10;
inline constexpr std::uint64_t kLargestLowStack = std::uint64_t{512} << 10;
inline constexpr std::uint64_t kLargestLowShared = std::uint64_t{64} << 10;
inline constexpr std::uint64_t kLowGuard = std::uint64_t{16} << 10;
inline constexpr std::uint64_t kGuard = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kLargestArguments = std::uint64_t{64} << 10;

struct Layout {
  std::uint64_t slide = 0;
  Range platform;    // what the platform needs of its own, from kPlatformStart on
  Range trampoline;  // one page: where a platform's actions may begin
  Range probe;       // the probe's code and its page, up to the boot pages
  Range boot;        // the boot page and, behind spry_boot, argv and its strings
  Range stack;
  Range shared;  // the devices' areas, each 16-byte aligned; stack.end == shared.start
  Range image;   // page-aligned
  Range heap;
  std::uint64_t memory = 0;   // bytes
  std::uint64_t initial = 0;  // bytes from 0 that are there at first; the rest may come when it is first touched

  // Whether stack and shared areas lie below the image, and not at the end of memory.
  bool low_stack() const { return stack.start < image.start; }
  // What lies below the stack and is never mapped.
  Range guard() const { return {stack.start - (low_stack() ? kLowGuard : kGuard), stack.start}; }
};

// What is to be laid out beside the image, in bytes.
struct LayoutRequest {
  std::uint64_t memory = 0;
  std::uint64_t boot = 0;
  std::uint64_t shared = 0;
  bool reusable = false;
};

// What of an image decides where things lie.
struct ImageShape {
  std::uint64_t slide = 0;
  Range extent;             // guest-physical, page-aligned
  std::uint64_t stack = 0;  // bytes, page-aligned
};

// Nothing, if the memory does not hold all of it. The boot pages must be no larger than arguments can make them.
std::optional<Layout> lay_out(const ImageShape& image, const LayoutRequest& request);

// The same for an image. Errors: kNotUnikernel if the image or its stack does not fit into the memory; the sentence
// begins with the image's path.
Result<Layout> lay_out(const Image& image, const LayoutRequest& request);

// How much of memory a machine has from the start if its base uses it up to `end`: whole large pages, and no less than
// layout.initial.
std::uint64_t covered_up_to(const Layout& layout, std::uint64_t end);

// A range of user memory, with what the guest may do in it.
struct Region {
  Range range;  // guest-physical
  Permissions permissions;
};

// The guest-physical range for an input of `size` bytes: behind `memory` bytes of memory and a guard.
Range input_area(std::uint64_t memory, std::uint64_t size);

// All of the guest's own memory but the input, in ascending order, page-aligned, without overlap.
std::vector<Region> user_regions(const Image& image, const Layout& layout);

}  // namespace spry
