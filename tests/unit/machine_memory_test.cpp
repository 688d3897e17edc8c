// Guest pointers: what is the guest's is found to the last byte, and nothing else is.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "cpu/x86.h"
#include "memory/guest_memory.h"

namespace spry {
namespace {

using x86::kPageSize;

constexpr std::uint64_t kSlide = 0x7f00'0020'0000;
constexpr std::uint64_t kSize = 64 * kPageSize;
constexpr Permissions kReadOnly = {.read = true};
constexpr Permissions kReadWrite = {.read = true, .write = true};
constexpr Permissions kCode = {.read = true, .execute = true};
constexpr Permissions kExecuteOnly = {.execute = true};

// Regions: read-only 0x10000-0x12000, read-write 0x12000-0x14000 and 0x14000-0x15000, a hole, code 0x16000-0x17000,
// execute-only 0x17000-0x18000, a hole, read-write to the end of memory.
class GuestPointers : public testing::Test {
 protected:
  GuestPointers() : memory_(*GuestMemory::reserve(kSize)) {
    std::span<std::byte> all = memory_.bytes({0, kSize});
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * 31 >> 3);
    memory_.set_regions({{{0x10000, 0x12000}, kReadOnly},
                         {{0x12000, 0x14000}, kReadWrite},
                         {{0x14000, 0x15000}, kReadWrite},
                         {{0x16000, 0x17000}, kCode},
                         {{0x17000, 0x18000}, kExecuteOnly},
                         {{0x20000, kSize}, kReadWrite}},
                        kSlide);
  }

  bool readable(std::uint64_t physical, std::uint64_t length) {
    return check(physical + kSlide, length, Access::kRead);
  }
  bool writable(std::uint64_t physical, std::uint64_t length) {
    return check(physical + kSlide, length, Access::kWrite);
  }

  // Resolves the range. Checks that copy gives the same answer, and that both give the right bytes.
  bool check(std::uint64_t address, std::uint64_t length, Access access) {
    const auto found = memory_.resolve(GuestPointer{address}, length, access);
    if (found && length != 0) {
      EXPECT_EQ(found->size(), length);
      EXPECT_EQ(found->data(), memory_.bytes({address - kSlide, address - kSlide + 1}).data());
    }
    if (access == Access::kRead && length <= kSize) {
      std::vector<std::byte> bytes(length, std::byte{0xee});
      EXPECT_EQ(memory_.copy(bytes, GuestPointer{address}), found.has_value());
      if (found && length != 0) {
        EXPECT_EQ(std::memcmp(bytes.data(), found->data(), length), 0);
      }
    }
    return found.has_value();
  }

  GuestMemory memory_;
};

// What VmFlags of /proc/self/smaps says of the mapping that `address` lies in (proc_pid_smaps(5)).
std::string flags_at(const std::byte* address) {
  std::ifstream smaps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t start = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) inside = wanted >= start && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + ' ';
  }
  return "";
}

TEST(GuestMemory, BeginsWhereALargePageDoes) {
  for (int i = 0; i < 8; ++i) {
    auto memory = GuestMemory::reserve(kSize + static_cast<unsigned>(i) * kPageSize);
    ASSERT_TRUE(memory);
    GuestMemory moved = *std::move(memory);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(moved.bytes({0, 1}).data()) % x86::kLargePageSize, 0u);
  }
}

TEST(GuestMemory, PrefersLargePagesWhereItIsAsked) {
  if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0) GTEST_SKIP() << "this kernel has no large pages";
  auto memory = GuestMemory::reserve(4 * x86::kLargePageSize);
  ASSERT_TRUE(memory);
  prefer_large_pages(memory->bytes({x86::kLargePageSize, 3 * x86::kLargePageSize}));
  const std::byte* start = memory->bytes({0, 1}).data();
  const auto preferred = [start](std::uint64_t page) {
    return flags_at(start + page * x86::kLargePageSize).find(" hg ") != std::string::npos;
  };
  EXPECT_FALSE(preferred(0));
  EXPECT_TRUE(preferred(1));
  EXPECT_TRUE(preferred(2));
  EXPECT_FALSE(preferred(3));
}

// Large pages are asked for from the size on that contains a large page wherever the file begins in memory.
TEST(GuestMemory, PrefersLargePagesForLargeFiles) {
  if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0) GTEST_SKIP() << "this kernel has no large pages";
  constexpr std::uint64_t kLarge = 2 * x86::kLargePageSize;
  const int file = memfd_create("large", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(file, kLarge), 0);
  for (const std::uint64_t size : {kLarge - kPageSize, kLarge}) {
    auto memory = GuestMemory::reserve(kLarge);
    ASSERT_TRUE(memory);
    ASSERT_TRUE(memory->map_private_large({0, size}, file, 0));
    EXPECT_EQ(flags_at(memory->bytes({0, 1}).data()).find(" hg ") != std::string::npos, size == kLarge);
  }
  close(file);
}

TEST_F(GuestPointers, ReachTheLastByteAndNotTheNext) {
  EXPECT_TRUE(readable(0x10000, 1));
  EXPECT_TRUE(readable(0x16fff, 1));
  EXPECT_TRUE(readable(0x16000, 0x1000));
  EXPECT_FALSE(readable(0x16000, 0x1001));
  EXPECT_FALSE(readable(0x16fff, 2));
  EXPECT_FALSE(readable(0x0ffff, 1));
  EXPECT_FALSE(readable(0x0ffff, 2));
  EXPECT_TRUE(writable(kSize - 1, 1));
  EXPECT_TRUE(writable(0x20000, kSize - 0x20000));
  EXPECT_FALSE(writable(kSize - 1, 2));
  EXPECT_FALSE(writable(kSize, 1));
  EXPECT_FALSE(writable(0x20000, kSize - 0x20000 + 1));
}

TEST_F(GuestPointers, CrossAdjacentRegionsThatBothAllowIt) {
  EXPECT_TRUE(readable(0x10000, 0x5000));
  EXPECT_TRUE(readable(0x11fff, 2));
  EXPECT_TRUE(writable(0x12000, 0x3000));
  EXPECT_TRUE(writable(0x13fff, 2));
  EXPECT_TRUE(writable(0x13fff, 0x1001));
  EXPECT_FALSE(readable(0x10000, 0x5001));
}

TEST_F(GuestPointers, DoNotCrossIntoWhatOneOfThemForbids) {
  EXPECT_FALSE(writable(0x10000, 1));
  EXPECT_FALSE(writable(0x11fff, 1));
  EXPECT_FALSE(writable(0x11fff, 2));
  EXPECT_FALSE(writable(0x10000, 0x5000));
  EXPECT_FALSE(writable(0x16000, 1));
  EXPECT_TRUE(readable(0x16fff, 1));
  EXPECT_FALSE(readable(0x17000, 1)) << "execute only";
  EXPECT_FALSE(readable(0x16fff, 2));
}

TEST_F(GuestPointers, DoNotCrossAHole) {
  EXPECT_FALSE(readable(0x14fff, 2));
  EXPECT_FALSE(readable(0x14000, 0x3000));
  EXPECT_FALSE(readable(0x15000, 1));
  EXPECT_FALSE(readable(0x15fff, 2));
  EXPECT_FALSE(readable(0, kSize));
}

TEST_F(GuestPointers, OfNoLengthAreAlwaysFine) {
  for (const std::uint64_t address : {std::uint64_t{0}, kSlide, kSlide + 0x15000, kSlide + kSize, ~std::uint64_t{0}}) {
    for (const Access access : {Access::kRead, Access::kWrite}) {
      const auto found = memory_.resolve(GuestPointer{address}, 0, access);
      ASSERT_TRUE(found);
      EXPECT_TRUE(found->empty());
    }
    EXPECT_TRUE(memory_.copy({}, GuestPointer{address}));
  }
}

TEST_F(GuestPointers, ThatWrapAroundAreRefused) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  for (const std::uint64_t address : {kSlide + 0x12000, kSlide + 0x13fff, kSlide + kSize - 1}) {
    for (const std::uint64_t length : {kMost, kMost - 1, kMost - address, kMost - address + 1, kMost - address + 2,
                                       std::uint64_t{1} << 63, kMost - address + 1 + kSlide + 0x12000}) {
      if (length == 0) continue;
      EXPECT_FALSE(memory_.resolve(GuestPointer{address}, length, Access::kRead)) << address << " " << length;
      EXPECT_FALSE(memory_.resolve(GuestPointer{address}, length, Access::kWrite)) << address << " " << length;
    }
  }
  for (const std::uint64_t back : {1u, 2u, 4096u}) {
    EXPECT_FALSE(check(kMost - back + 1, 1, Access::kRead));
    EXPECT_FALSE(check(kMost - back + 1, back, Access::kRead));
    EXPECT_FALSE(check(kMost - back + 1, back + 1, Access::kRead)) << "ends at 0";
    EXPECT_FALSE(check(kMost - back + 1, kSize, Access::kRead));
    EXPECT_FALSE(memory_.resolve(GuestPointer{kMost - back + 1}, kSlide + 0x12000 + back, Access::kRead));
  }
}

// An address below the slide is refused, although subtracting the slide would wrap to a good one.
TEST_F(GuestPointers, BelowTheSlideAreRefused) {
  EXPECT_FALSE(check(0x12000, 1, Access::kRead));
  EXPECT_FALSE(check(kSlide - 1, 1, Access::kRead));
  EXPECT_FALSE(check(kSlide - 1, 2, Access::kRead));
  EXPECT_FALSE(memory_.resolve(GuestPointer{kSlide - 1}, 0x13001, Access::kRead));
  EXPECT_EQ(memory_.find(0x12000), nullptr);
  EXPECT_EQ(memory_.find(kSlide - 1), nullptr);
}

TEST_F(GuestPointers, AgreeWithEveryByteOnItsOwn) {
  const auto allowed = [](std::uint64_t physical, Access access) {
    if (physical >= 0x12000 && physical < 0x15000) return true;
    if (physical >= 0x20000 && physical < kSize) return true;
    const bool read_only = (physical >= 0x10000 && physical < 0x12000) || (physical >= 0x16000 && physical < 0x17000);
    return read_only && access == Access::kRead;
  };
  for (const Access access : {Access::kRead, Access::kWrite}) {
    for (std::uint64_t edge = 0xf000; edge <= kSize; edge += kPageSize) {
      for (const std::uint64_t before : {0u, 1u, 7u}) {
        for (const std::uint64_t length : {1u, 2u, 8u, 4095u, 4096u, 4097u, 8193u}) {
          bool wanted = true;
          for (std::uint64_t byte = edge - before; byte < edge - before + length; ++byte) {
            wanted = wanted && allowed(byte, access);
          }
          ASSERT_EQ(check(edge - before + kSlide, length, access), wanted) << std::hex << edge << " " << length;
        }
      }
    }
  }
}

TEST_F(GuestPointers, WithoutASlideAndWithoutRegions) {
  memory_.set_regions({{{0x1000, 0x2000}, kReadWrite}}, 0);
  EXPECT_TRUE(memory_.resolve(GuestPointer{0x1000}, 0x1000, Access::kWrite));
  EXPECT_FALSE(memory_.resolve(GuestPointer{0xfff}, 1, Access::kWrite));
  EXPECT_FALSE(memory_.resolve(GuestPointer{0}, 0x2000, Access::kWrite));
  memory_.set_regions({}, 0);
  EXPECT_FALSE(memory_.resolve(GuestPointer{0x1000}, 1, Access::kRead));
}

TEST(GuestMemory, IsZeroAndNotTouched) {
  auto memory = GuestMemory::reserve(std::uint64_t{1} << 30);
  ASSERT_TRUE(memory) << memory.error().message;
  EXPECT_EQ(memory->resident(), 0u);
  memory->bytes({0x5000, 0x5001})[0] = std::byte{1};
  memory->bytes({0x3000'0000, 0x3000'0001})[0] = std::byte{1};
  EXPECT_EQ(memory->resident(), 2 * kPageSize);
  EXPECT_EQ(memory->bytes({0x5001, 0x5002})[0], std::byte{0});
}

TEST(GuestMemory, ThatCannotBeReservedIsAnError) {
  const auto memory = GuestMemory::reserve(std::uint64_t{1} << 60);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::kResources);
  EXPECT_EQ(memory.error().message.rfind("cannot reserve 1125899906842624 KiB of address space", 0), 0u);
}

TEST(GuestMemory, MovesWithWhatItHolds) {
  GuestMemory memory = *GuestMemory::reserve(16 * kPageSize);
  memory.set_regions({{{0x1000, 0x2000}, kReadWrite}}, 0);
  memory.bytes({0x1000, 0x1001})[0] = std::byte{7};
  GuestMemory other = std::move(memory);
  const auto found = other.resolve(GuestPointer{0x1000}, 1, Access::kRead);
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)[0], std::byte{7});
}

// A page that the file has lost is an answer, and not SIGBUS.
TEST(GuestMemory, TruncatedFileIsAnAnswer) {
  const int file = memfd_create("input", MFD_CLOEXEC);
  ASSERT_GE(file, 0);
  ASSERT_EQ(ftruncate(file, 3 * kPageSize), 0);
  ASSERT_EQ(pwrite(file, "input", 5, 0), 5);
  GuestMemory memory = *GuestMemory::reserve(16 * kPageSize);
  ASSERT_EQ(*memory.map_file(0x4000, file, 3 * kPageSize), 3 * kPageSize);
  memory.set_regions({{{0x4000, 0x7000}, kReadOnly}}, 0);
  char bytes[5];
  ASSERT_TRUE(memory.copy(std::as_writable_bytes(std::span(bytes)), GuestPointer{0x4000}));
  EXPECT_EQ(std::string_view(bytes, 5), "input");
  ASSERT_EQ(ftruncate(file, kPageSize), 0);
  EXPECT_TRUE(memory.copy(std::as_writable_bytes(std::span(bytes)), GuestPointer{0x4ffb}));
  EXPECT_FALSE(memory.copy(std::as_writable_bytes(std::span(bytes)), GuestPointer{0x4ffc}));
  EXPECT_FALSE(memory.copy(std::as_writable_bytes(std::span(bytes)), GuestPointer{0x6000}));
  close(file);
}

TEST(GuestMemory, WhatCannotBeMappedIsAnError) {
  GuestMemory memory = *GuestMemory::reserve(16 * kPageSize);
  const auto mapped = memory.map_file(0x4000, -1, kPageSize);
  ASSERT_FALSE(mapped);
  EXPECT_EQ(mapped.error().message, "cannot map the input of 4096 bytes: Bad file descriptor");
}

// The guest never gets what the file has behind the input, even if that is written later.
TEST(GuestMemory, EndsWithAnInput) {
  const int file = memfd_create("input", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(file, 2 * kPageSize), 0);
  ASSERT_EQ(pwrite(file, "inputSECRET", 11, kPageSize), 11);
  for (const std::uint64_t size : {kPageSize + 5, std::uint64_t{5}}) {
    for (const bool shared : {false, true}) {
      GuestMemory memory = shared ? *GuestMemory::share(16 * kPageSize) : *GuestMemory::reserve(16 * kPageSize);
      const auto mapped = memory.map_file(0x4000, file, size);
      ASSERT_TRUE(mapped);
      EXPECT_EQ(*mapped, size / kPageSize * kPageSize);
      const auto last = memory.bytes({0x4000 + *mapped, 0x4000 + *mapped + kPageSize});
      EXPECT_TRUE(std::all_of(last.begin() + 5, last.end(), [](std::byte byte) { return byte == std::byte{0}; }));
      EXPECT_EQ(std::memcmp(last.data(), size > kPageSize ? "input" : "\0\0\0\0\0", 5), 0);
    }
  }
  GuestMemory memory = *GuestMemory::reserve(16 * kPageSize);
  const auto mapped = memory.map_file(0x4000, file, 2 * kPageSize + 1);
  ASSERT_FALSE(mapped);
  EXPECT_EQ(mapped.error().message, "the input of 8193 bytes cannot be read: the file is shorter");
  close(file);
}

}  // namespace
}  // namespace spry
