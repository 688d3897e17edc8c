// Where everything lies, and what is refused because it does not fit.
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

#include "elf_builder.h"
#include "memory/layout.h"
#include "spry/abi.h"
#include "spry/machine.h"

namespace spry {
namespace {

using test::ElfBuilder;
using test::MemoryFile;

constexpr std::uint64_t kPageSize = SPRY_PAGE_SIZE;
constexpr std::uint64_t kLargePageSize = 2 << 20;
constexpr std::uint64_t kMost = ~std::uint64_t{0};
constexpr std::uint64_t kKiB = 1 << 10;
constexpr std::uint64_t kMiB = 1 << 20;

Image load(const ElfBuilder& builder) {
  const MemoryFile file(builder.build());
  auto image = Image::load(file.path());
  if (!image) throw std::runtime_error(image.error().message);
  return *std::move(image);
}

Image with_stack(std::uint64_t stack) {
  ElfBuilder builder = ElfBuilder::pie();
  if (stack != 0) builder.add_needs(0, stack, 0);
  return load(builder);
}

LayoutRequest request(std::uint64_t memory = 16 * kMiB) { return {memory, 2000, 2048, false}; }

std::string refusal(const Image& image, const LayoutRequest& wanted) {
  const auto layout = lay_out(image, wanted);
  if (layout) return "laid out";
  EXPECT_EQ(layout.error().code, ErrorCode::kNotUnikernel);
  EXPECT_TRUE(layout.error().message.starts_with(image.path() + ": ")) << layout.error().message;
  return layout.error().message.substr(image.path().size() + 2);
}

// What holds for every layout.
void expect_sound(const Layout& layout, const LayoutRequest& wanted, std::uint64_t stack) {
  const bool low = layout.low_stack();
  EXPECT_EQ(layout.memory, wanted.memory);
  EXPECT_EQ(layout.platform.start, kPlatformStart);
  EXPECT_EQ(layout.platform.end, layout.trampoline.start);
  EXPECT_EQ(layout.trampoline.end, layout.probe.start);
  EXPECT_EQ(layout.probe.end, layout.boot.start);
  // There is room for KVM's system page and gate stack, and for the page tables of the largest machine.
  EXPECT_GE(layout.platform.size(), 66 * kPageSize);
  EXPECT_GE(layout.boot.size(), wanted.boot);
  EXPECT_LE(layout.boot.end, SPRY_IMAGE_MIN);
  EXPECT_GE(layout.stack.size(), stack);
  EXPECT_EQ(layout.stack.end, layout.shared.start);
  EXPECT_GE(layout.shared.size(), wanted.shared);
  EXPECT_EQ(layout.shared.start % 16, 0u);
  for (const std::uint64_t edge : {layout.boot.start, layout.boot.end, layout.stack.start, layout.shared.end,
                                   layout.heap.start, layout.heap.end}) {
    EXPECT_EQ(edge % kPageSize, 0u) << std::hex << edge;
  }
  EXPECT_EQ(layout.guard().start, low ? layout.boot.end : layout.heap.end);
  EXPECT_EQ(layout.guard().size(), low ? kLowGuard : kGuard);
  EXPECT_EQ(layout.shared.end, low ? SPRY_IMAGE_MIN - kLowGuard : layout.memory);
  EXPECT_EQ(layout.heap.start, layout.image.end);
  EXPECT_LE(layout.heap.start, layout.heap.end);
  EXPECT_LE(layout.heap.end, layout.memory);
  EXPECT_LE(layout.initial, layout.memory);
  EXPECT_GE(layout.initial, low ? layout.image.end : layout.memory);
}

void expect_ordered(const std::vector<Region>& regions) {
  std::uint64_t end = kPlatformStart;
  for (const Region& region : regions) {
    EXPECT_GE(region.range.start, end);
    EXPECT_GT(region.range.end, region.range.start);
    EXPECT_EQ(region.range.start % kPageSize, 0u);
    EXPECT_EQ(region.range.end % kPageSize, 0u);
    EXPECT_TRUE(region.permissions.read || region.permissions.execute);
    EXPECT_FALSE(region.permissions.write && region.permissions.execute);
    end = region.range.end;
  }
}

TEST(Layout, TheUsualOneIsAsTheHeaderDrawsIt) {
  const Image image = with_stack(0);
  const auto layout = lay_out(image, request());
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(layout->slide, image.slide());
  EXPECT_EQ(layout->shared.end, 0xfc000u);
  EXPECT_EQ(layout->shared.start, 0xfc000u - 2048);
  // The shared area lies in the stack's last page, which is one more.
  EXPECT_EQ(layout->stack.start, 0xfc000u - 256 * kKiB - kPageSize);
  EXPECT_EQ(layout->boot.end, layout->stack.start - 16 * kKiB);
  EXPECT_EQ(layout->boot.size(), kPageSize);
  EXPECT_EQ(layout->image.start, image.extent().start);
  EXPECT_EQ(layout->heap.start, image.extent().end);
  EXPECT_EQ(layout->heap.end, 16 * kMiB);
  EXPECT_EQ(layout->initial, 2 * kMiB);
  expect_sound(*layout, request(), kDefaultStack);
}

// The memory that is covered at first holds at least 512 KiB of heap. In a machine that is reset it is 8 MiB, or holds
// at least 2 MiB of heap, if that is more.
TEST(Layout, AHeapToBeginWithIsCovered) {
  ElfBuilder builder = ElfBuilder::pie();
  Elf64_Phdr& last = builder[test::kLoadData];
  LayoutRequest reusable = request();
  reusable.reusable = true;
  for (const std::uint64_t end : {3 * kMiB / 2, 3 * kMiB / 2 + kPageSize, 9 * kMiB}) {
    // The image is moved so that its text begins at 1 MiB.
    last.p_memsz = end - (last.p_vaddr + kMiB - test::kText);
    const Image image = load(builder);
    ASSERT_EQ(image.extent().end, end);
    const auto once = lay_out(image, request());
    const auto again = lay_out(image, reusable);
    ASSERT_TRUE(once && again);
    EXPECT_EQ(once->initial, end == 3 * kMiB / 2 ? 2 * kMiB : end == 9 * kMiB ? 10 * kMiB : 4 * kMiB);
    EXPECT_EQ(again->initial, end == 9 * kMiB ? 12 * kMiB : 8 * kMiB);
  }
}

TEST(Layout, AStackOf512KiBIsLowAndOneByteMoreIsAtTheEnd) {
  const auto low = lay_out(with_stack(kLargestLowStack), request());
  ASSERT_TRUE(low);
  EXPECT_TRUE(low->low_stack());
  expect_sound(*low, request(), kLargestLowStack);

  const Image image = with_stack(kLargestLowStack + 1);
  const auto high = lay_out(image, request());
  ASSERT_TRUE(high);
  EXPECT_EQ(high->shared.end, 16 * kMiB);
  EXPECT_EQ(high->heap.end, high->stack.start - kMiB);
  EXPECT_EQ(high->boot.end, SPRY_IMAGE_MIN);
  EXPECT_EQ(high->initial, 16 * kMiB);
  expect_sound(*high, request(), kLargestLowStack + 1);
  expect_ordered(user_regions(image, *high));
}

// Shared areas share the room below the image with the stack. If they are too large for it, they go to the end of
// memory.
TEST(Layout, SharedAreasOfAnySizeHaveTheirPlaceOrAreRefused) {
  for (const std::uint64_t shared : {0 * kKiB, 16 * kKiB, 500 * kKiB, 700 * kKiB, 764 * kKiB, 1000 * kKiB, 2 * kMiB,
                                     10 * kMiB, 15 * kMiB, 16 * kMiB, 20 * kMiB, std::uint64_t{1} << 63, kMost}) {
    for (const std::uint64_t boot : {std::uint64_t{2000}, sizeof(spry_boot) + kLargestArguments}) {
      LayoutRequest wanted = request();
      wanted.shared = shared;
      wanted.boot = boot;
      const auto layout = lay_out(with_stack(0), wanted);
      EXPECT_EQ(layout.has_value(), shared <= 10 * kMiB) << shared;
      if (layout) expect_sound(*layout, wanted, kDefaultStack);
    }
  }
}

TEST(Layout, TheInputLiesOutsideMemory) {
  for (const std::uint64_t memory : {2 * kMiB, 3 * kMiB, 16 * kMiB + kPageSize}) {
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{50'000'000}}) {
      const Range area = input_area(memory, size);
      EXPECT_GE(area.start, memory + kMiB);
      EXPECT_EQ(area.start % kLargePageSize, 0u);
      EXPECT_GE(area.size(), size);
      EXPECT_LT(area.size(), size + kPageSize);
      EXPECT_EQ(area.end % kPageSize, 0u);
    }
  }
}

// A large frame that steps over the guard must hit nothing: within 1 MiB of a stack and its shared areas nothing can be
// written, except an image above the guard of a low stack.
TEST(Layout, NothingNearAStackCanBeWritten) {
  for (const std::uint64_t stack : {kPageSize, kDefaultStack, kLargestLowStack, kLargestLowStack + 1, 4 * kMiB}) {
    const Image image = with_stack(stack);
    const auto layout = lay_out(image, request());
    ASSERT_TRUE(layout);
    std::vector<Region> regions = user_regions(image, *layout);
    regions.push_back({input_area(layout->memory, kMiB), {.read = true}});
    for (const Region& region : regions) {
      if (!region.permissions.write || region.range.start == layout->stack.start) continue;
      if (region.range.end <= layout->stack.start) {
        EXPECT_LE(region.range.end + kMiB, layout->stack.start) << std::hex << region.range.end;
      } else {
        EXPECT_GE(region.range.start, layout->shared.end + (layout->low_stack() ? kLowGuard : kGuard));
      }
    }
  }
}

// No memory of a guest's lies where a process could not map it, or where a null pointer with a small offset leads.
TEST(Layout, NothingLiesBelow64KiB) {
  for (const std::uint64_t stack : {kDefaultStack, kLargestLowStack + 1}) {
    const Image image = with_stack(stack);
    const auto layout = lay_out(image, request());
    ASSERT_TRUE(layout);
    EXPECT_GE(kPlatformStart, 64 * kKiB);
    EXPECT_GE(user_regions(image, *layout).front().range.start, kPlatformStart);
  }
}

TEST(Layout, AnImageBeyondMemoryIsRefused) {
  ElfBuilder builder = ElfBuilder::pie();
  builder[test::kLoadData].p_memsz = 20 * kMiB;
  EXPECT_EQ(refusal(load(builder), request()),
            "its segments end at 0x1502000, beyond the 16384 KiB of memory that the machine has");
  EXPECT_TRUE(lay_out(load(builder), request(32 * kMiB)));
}

TEST(Layout, AStackThatDoesNotFitIsRefused) {
  EXPECT_EQ(refusal(with_stack(16 * kMiB), request()),
            "16384 KiB of memory do not hold its segments and its stack of 16384 KiB");
  EXPECT_EQ(refusal(with_stack(15 * kMiB), request()),
            "16384 KiB of memory do not hold its segments and its stack of 15360 KiB");
  for (const std::uint64_t stack : {17 * kMiB, kMaximumMemory - 1, kMaximumMemory}) {
    EXPECT_NE(refusal(with_stack(stack), request()).find("do not hold its segments and its stack"), std::string::npos);
  }
}

TEST(Layout, AtTheEndEveryPageCounts) {
  const Image image = load([] {
    ElfBuilder builder = ElfBuilder::pie();
    builder.add_needs(0, 8 * kMiB, 0);
    return builder;
  }());
  // Image, guard, stack and the page of the shared area, with no heap at all.
  const std::uint64_t least = image.extent().end + kGuard + 8 * kMiB + kPageSize;
  const auto layout = lay_out(image, request(least));
  ASSERT_TRUE(layout);
  EXPECT_TRUE(layout->heap.empty());
  expect_ordered(user_regions(image, *layout));
  EXPECT_NE(refusal(image, request(least - kPageSize)), "laid out");
}

TEST(Layout, RegionsAreTheSegmentsAndWhatIsAroundThem) {
  const Image image = with_stack(0);
  const auto layout = lay_out(image, request());
  ASSERT_TRUE(layout);
  const std::vector<Region> regions = user_regions(image, *layout);
  expect_ordered(regions);
  const auto at = [&regions](std::uint64_t address) -> const Permissions* {
    for (const Region& region : regions) {
      if (address >= region.range.start && address < region.range.end) return &region.permissions;
    }
    return nullptr;
  };
  constexpr Permissions kReadOnly = {.read = true};
  constexpr Permissions kReadWrite = {.read = true, .write = true};
  for (const std::uint64_t address :
       {std::uint64_t{0}, layout->platform.start, layout->trampoline.start, layout->probe.start, layout->boot.end}) {
    EXPECT_EQ(at(address), nullptr) << std::hex << address;
  }
  EXPECT_EQ(at(layout->memory), nullptr);
  EXPECT_EQ(*at(layout->boot.start), kReadOnly);
  EXPECT_EQ(*at(layout->stack.start), kReadWrite);
  EXPECT_EQ(*at(layout->shared.end - 1), kReadWrite);
  EXPECT_EQ(*at(layout->heap.start), kReadWrite);
  EXPECT_EQ(*at(layout->heap.end - 1), kReadWrite);
  for (const Segment& segment : image.segments()) {
    for (std::uint64_t page = segment.address / kPageSize * kPageSize; page < segment.address + segment.memory_size;
         page += kPageSize) {
      const bool relro = page >= image.relro().start && page < image.relro().end;
      Permissions wanted = segment.permissions;
      if (relro) wanted.write = false;
      EXPECT_EQ(*at(page), wanted) << std::hex << page;
    }
  }
  EXPECT_FALSE(image.relro().empty());
}

TEST(Layout, WhateverIsAskedForIsSoundOrRefused) {
  std::mt19937_64 random(2020);
  const auto up_to = [&random](std::uint64_t most) { return random() % (most + 1); };
  int sound = 0;
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t stack = 1 + (up_to(2 * kMiB) >> up_to(20));
    const Image image = with_stack(stack);
    const LayoutRequest wanted = {kMinimumMemory + kPageSize * up_to(2048),
                                  1 + up_to(sizeof(spry_boot) + kLargestArguments), up_to(4 * kMiB) >> up_to(22),
                                  up_to(1) != 0};
    const auto layout = lay_out(image, wanted);
    if (!layout) continue;
    ++sound;
    expect_sound(*layout, wanted, stack);
    expect_ordered(user_regions(image, *layout));
    if (testing::Test::HasFailure())
      FAIL() << "stack " << stack << " memory " << wanted.memory << " shared " << wanted.shared;
  }
  EXPECT_GT(sound, 100);
}

}  // namespace
}  // namespace spry
