#include <gtest/gtest.h>
#include <sys/stat.h>

#include <random>

#include "block_fakes.h"
#include "overlay.h"

namespace spry::block {
namespace {

Overlay overlay_of(const TemporaryFile& file, std::uint32_t sector_size) {
  const Specification specification{file.path(), false, true, sector_size};
  return *Overlay::create("data", specification, *File::open("data", specification));
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

// Against a disk in memory: random writes, discards and reads of all sizes.
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
