#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <random>

#include "block_fakes.h"
#include "overlay.h"

namespace spry::block {
namespace {

Overlay overlay_of(const TemporaryFile& file, std::uint32_t sector_size) {
  const Specification specification{file.path(), false, true, sector_size};
  return *Overlay::create("data", specification, *File::open("data", specification));
}

// The bytes of memory of this process's memfds of that name, as the kernel counts them.
std::uint64_t memory_of(const std::string& name) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    struct stat status;
    if (std::filesystem::read_symlink(entry.path(), gone).string().find("memfd:" + name) == std::string::npos) continue;
    if (stat(entry.path().c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

TEST(BlockOverlay, WritesToMemoryOnly) {
  const TemporaryFile file(4096);
  Overlay overlay = overlay_of(file, 512);
  EXPECT_FALSE(overlay.read_only());
  EXPECT_TRUE(overlay.discards());
  EXPECT_EQ(overlay.capacity(), 4096u);
  std::string text(512, 'x');
  EXPECT_EQ(overlay.write(std::as_bytes(std::span(text)), 512), 512);
  EXPECT_EQ(overlay.flush(), 0);
  text.assign(512, '?');
  EXPECT_EQ(overlay.read(std::as_writable_bytes(std::span(text)), 512), 512);
  EXPECT_EQ(text, std::string(512, 'x'));
  EXPECT_EQ(file.content(), std::string(4096, '\0'));
}

TEST(BlockOverlay, SharesItsFile) {
  const TemporaryFile file(4096);
  const Overlay one = overlay_of(file, 512);
  const Overlay other = overlay_of(file, 512);
  EXPECT_TRUE(File::open("data", {file.path(), true, false, 512}));
  EXPECT_FALSE(File::open("data", {file.path(), false, false, 512}));
}

// Compares the overlay with a disk in memory: random writes, discards and reads of all sizes.
TEST(BlockOverlay, IsADisk) {
  for (const std::uint32_t sector : {512u, 4096u}) {
    constexpr std::uint64_t kSectors = 150;  // more than two words of the bitmap, and not all of the third
    const std::uint64_t capacity = kSectors * sector;
    const TemporaryFile file(capacity);
    std::string model(capacity, '\0');
    std::mt19937 random(sector);
    for (char& byte : model) byte = static_cast<char>(random());
    ASSERT_EQ(pwrite(file.descriptor(), model.data(), capacity, 0), static_cast<ssize_t>(capacity));
    const std::string original = model;

    Block device(std::make_unique<Overlay>(overlay_of(file, sector)), sector);
    FakeGuest guest;
    for (int turn = 0; turn < 3000; ++turn) {
      const std::uint64_t first = random() % kSectors;
      const std::uint64_t count = 1 + random() % std::min<std::uint64_t>(kSectors - first, random() % 4 == 0 ? 150 : 3);
      const std::uint64_t offset = first * sector;
      const std::uint64_t length = count * sector;
      const unsigned choice = random() % 8;
      if (choice < 2) {
        for (std::uint64_t i = 0; i < length; ++i) model[offset + i] = static_cast<char>(random());
        std::memcpy(guest.at(FakeGuest::kBase), &model[offset], length);
        ASSERT_EQ(device.call(guest, {SPRY_BLOCK_WRITE, offset, FakeGuest::kBase, length}).value(),
                  static_cast<std::int64_t>(length));
      } else if (choice == 2 && count < 4) {
        std::memset(&model[offset], 0, length);
        ASSERT_EQ(device.call(guest, {SPRY_BLOCK_DISCARD, offset, length, 0}).value(), 0);
      } else {
        ASSERT_EQ(device.call(guest, {SPRY_BLOCK_READ, offset, FakeGuest::kBase, length}).value(),
                  static_cast<std::int64_t>(length));
        ASSERT_EQ(std::memcmp(guest.at(FakeGuest::kBase), &model[offset], length), 0) << turn;
      }
      if (turn == 20) {
        EXPECT_NE(model, original);
      }
    }
    EXPECT_EQ(file.content(), original);
  }
}

// Whatever a guest writes and discards, the overlay never has more pages than its bound. A write is done if there is
// room for its pages, and else refused.
TEST(BlockOverlay, TakesNoMoreMemoryThanItMay) {
  for (const std::uint32_t sector : {512u, 4096u}) {
    constexpr std::uint64_t kDisk = 64 * 4096 + 512 * 8;  // the last page is whole, or lacks one sector
    const std::uint64_t capacity = sector == 512 ? kDisk - 512 : kDisk;
    const TemporaryFile file(capacity);
    constexpr std::uint64_t kMost = 20;  // pages
    Specification specification{file.path(), false, true, sector};
    specification.overlay_size = kMost * 4096 + 4095;
    Overlay overlay = *Overlay::create("data", specification, *File::open("data", specification));
    const auto pages = [](std::uint64_t first, std::uint64_t end) {
      return std::pair(first / 4096, (end + 4095) / 4096);
    };
    std::vector<bool> kept(65);
    std::string model(capacity, '\0');
    std::mt19937 random(sector);
    int full = 0;
    for (int turn = 0; turn < 4000; ++turn) {
      const std::uint64_t sectors = capacity / sector;
      const std::uint64_t first = random() % sectors;
      const std::uint64_t count = 1 + random() % std::min<std::uint64_t>(sectors - first, 8 * 4096 / sector);
      const std::uint64_t offset = first * sector;
      const std::uint64_t length = count * sector;
      if (turn % 1000 == 500) {
        overlay.forget();
        kept.assign(kept.size(), false);
        model.assign(capacity, '\0');
      } else if (random() % 3 == 0) {
        ASSERT_EQ(overlay.discard(offset, length), 0);
        std::memset(&model[offset], 0, length);
        const std::uint64_t end = offset + length == capacity ? kDisk : offset + length;
        for (std::uint64_t page = (offset + 4095) / 4096; page < end / 4096; ++page) kept[page] = false;
      } else {
        const std::string text(length, static_cast<char>('a' + turn % 26));
        auto room = static_cast<std::int64_t>(kMost) - std::count(kept.begin(), kept.end(), true);
        std::uint64_t fits = length;
        const auto [from, to] = pages(offset, offset + length);
        for (std::uint64_t page = from; page < to; ++page) {
          if (kept[page] || room-- > 0) {
            kept[page] = true;
          } else {
            fits = page == from ? 0 : page * 4096 - offset;
            break;
          }
        }
        errno = 0;
        ASSERT_EQ(overlay.write(std::as_bytes(std::span(text)), offset), fits == 0 ? -1 : static_cast<ssize_t>(fits));
        if (fits == 0) {
          ASSERT_EQ(errno, ENOSPC);
          ++full;
        }
        std::memset(&model[offset], text[0], fits);
      }
      const auto pages_kept = static_cast<std::uint64_t>(std::count(kept.begin(), kept.end(), true));
      ASSERT_LE(pages_kept, kMost);
      if (turn % 10 == 0) {
        ASSERT_LE(memory_of("spry-overlay"), pages_kept * 4096) << turn;
      }
    }
    EXPECT_GT(full, 100);
    std::string all;
    while (all.size() < capacity) {
      std::string part(capacity - all.size(), '?');
      const ssize_t got = overlay.read(std::as_writable_bytes(std::span(part)), all.size());
      ASSERT_GT(got, 0);
      all += part.substr(0, static_cast<std::size_t>(got));
    }
    EXPECT_TRUE(all == model);
    EXPECT_GT(memory_of("spry-overlay"), 0u);
  }
}

// A large disk costs no more than what is written to it.
TEST(BlockOverlay, IsSparse) {
  constexpr std::uint64_t kTebibyte = std::uint64_t{1} << 40;
  const TemporaryFile file(kTebibyte);
  Overlay overlay = overlay_of(file, 512);
  std::string text(512, 'x');
  EXPECT_EQ(overlay.write(std::as_bytes(std::span(text)), kTebibyte - 512), 512);
  text.assign(1024, '?');
  EXPECT_EQ(overlay.read(std::as_writable_bytes(std::span(text)), kTebibyte - 1024), 512);
  EXPECT_EQ(overlay.read(std::as_writable_bytes(std::span(text)).subspan(512), kTebibyte - 512), 512);
  EXPECT_EQ(text, std::string(512, '\0') + std::string(512, 'x'));
}

}  // namespace
}  // namespace spry::block
