// The device over a medium that fails as the test wants: every answer that a guest can get.
#include <gtest/gtest.h>

#include "block_fakes.h"

namespace spry::block {
namespace {

constexpr std::uint64_t kBase = FakeGuest::kBase;
constexpr std::uint64_t kCapacity = std::uint64_t{8} << 20;
constexpr std::uint64_t kHuge = ~std::uint64_t{0};

class BlockDevice : public testing::TestWithParam<std::uint64_t> {
 protected:
  std::int64_t call(std::uint64_t operation, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0) {
    const Result<std::int64_t> result = device_.call(guest_, {operation, a, b, c});
    EXPECT_TRUE(result);
    return result ? *result : 0;
  }
  spry_block_info info() {
    spry_block_info info = {};
    EXPECT_EQ(call(SPRY_BLOCK_INFO, kBase), 0);
    std::memcpy(&info, guest_.at(kBase), sizeof info);
    return info;
  }

  std::uint64_t sector_ = GetParam();
  FakeGuest guest_;
  FakeMedium* medium_ = new FakeMedium(kCapacity);
  Block device_{std::unique_ptr<Medium>(medium_), static_cast<std::uint32_t>(sector_)};
};

INSTANTIATE_TEST_SUITE_P(Sectors, BlockDevice, testing::Values(512, 4096));

TEST_P(BlockDevice, TellsWhatItIs) {
  EXPECT_EQ(info().capacity, kCapacity);
  EXPECT_EQ(info().sector_size, sector_);
  EXPECT_EQ(info().flags, SPRY_BLOCK_DISCARDS);
  medium_->is_read_only = true;
  medium_->can_discard = false;
  EXPECT_EQ(info().flags, SPRY_BLOCK_READ_ONLY);
  for (const std::uint64_t pointer : {std::uint64_t{0}, kBase - 1, FakeGuest::kReadOnly - 15, kHuge}) {
    EXPECT_EQ(call(SPRY_BLOCK_INFO, pointer), -SPRY_EFAULT);
  }
}

TEST_P(BlockDevice, WritesAndReads) {
  for (const std::uint64_t size : {sector_, 3 * sector_, FakeGuest::kSize}) {
    for (const std::uint64_t offset : {std::uint64_t{0}, sector_, kCapacity - size}) {
      // Writes from memory that the guest may only read, also at an odd address.
      const std::uint64_t from = size == FakeGuest::kSize ? FakeGuest::kReadOnly : FakeGuest::kReadOnly + 3;
      for (std::uint64_t i = 0; i < size; ++i) guest_.at(from)[i] = static_cast<std::byte>(i * 7 + offset + size);
      guest_.in = guest_.out = 0;
      EXPECT_EQ(call(SPRY_BLOCK_WRITE, offset, from, size), static_cast<std::int64_t>(size));
      EXPECT_EQ(guest_.out, size);
      EXPECT_EQ(std::memcmp(&medium_->bytes_[offset], guest_.at(from), size), 0);
      EXPECT_EQ(call(SPRY_BLOCK_READ, offset, kBase, size), static_cast<std::int64_t>(size));
      EXPECT_EQ(guest_.in, size);
      EXPECT_EQ(std::memcmp(guest_.at(kBase), guest_.at(from), size), 0);
    }
  }
}

TEST_P(BlockDevice, RefusesWhatAreNoSectors) {
  struct {
    std::uint64_t offset;
    std::uint64_t length;
  } const cases[] = {{0, 0},
                     {kCapacity, 0},
                     {0, 1},
                     {0, sector_ - 1},
                     {0, sector_ + 1},
                     {1, sector_},
                     {sector_ / 2, sector_},
                     {kCapacity, sector_},
                     {kCapacity - sector_, 2 * sector_},
                     {0, kCapacity + sector_},
                     {kHuge, sector_},
                     {kHuge - sector_ + 1, sector_},
                     {kHuge - sector_ + 1, 2 * sector_},
                     {sector_, kHuge - sector_ + 1},
                     {std::uint64_t{1} << 63, sector_},
                     {0, std::uint64_t{1} << 63},
                     {std::uint64_t{1} << 32, sector_}};
  for (const auto& [offset, length] : cases) {
    EXPECT_EQ(call(SPRY_BLOCK_READ, offset, kBase, length), -SPRY_EINVAL) << offset << " " << length;
    EXPECT_EQ(call(SPRY_BLOCK_WRITE, offset, kBase, length), -SPRY_EINVAL) << offset << " " << length;
    EXPECT_EQ(call(SPRY_BLOCK_DISCARD, offset, length), -SPRY_EINVAL) << offset << " " << length;
  }
  EXPECT_EQ(medium_->transfers, 0);
  EXPECT_TRUE(medium_->discarded.empty());
}

TEST_P(BlockDevice, RefusesBadPointers) {
  const std::uint64_t size = 2 * sector_;
  for (const std::uint64_t pointer : {std::uint64_t{0}, kBase - 1, kBase - size, FakeGuest::kEnd - size + 1,
                                      FakeGuest::kEnd, kHuge, kHuge - size + 1}) {
    EXPECT_EQ(call(SPRY_BLOCK_READ, 0, pointer, size), -SPRY_EFAULT) << pointer;
    EXPECT_EQ(call(SPRY_BLOCK_WRITE, 0, pointer, size), -SPRY_EFAULT) << pointer;
  }
  // The monitor writes nothing for the guest where the guest may not write.
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, FakeGuest::kReadOnly, size), -SPRY_EFAULT);
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, FakeGuest::kReadOnly - sector_, size), -SPRY_EFAULT);
  EXPECT_EQ(medium_->transfers, 0);
  EXPECT_EQ(call(SPRY_BLOCK_WRITE, 0, FakeGuest::kReadOnly, size), static_cast<std::int64_t>(size));
}

TEST_P(BlockDevice, RefusesOperationsThatItDoesNotKnow) {
  for (const std::uint64_t operation : {std::uint64_t{0}, std::uint64_t{6}, std::uint64_t{1} << 32 | 1, kHuge}) {
    EXPECT_EQ(call(operation, 0, kBase, sector_), -SPRY_ENOSYS);
  }
}

TEST_P(BlockDevice, RefusesToWriteToAReadOnlyMedium) {
  medium_->is_read_only = true;
  EXPECT_EQ(call(SPRY_BLOCK_WRITE, 0, kBase, sector_), -SPRY_EROFS);
  EXPECT_EQ(call(SPRY_BLOCK_DISCARD, 0, sector_), -SPRY_EROFS);
  EXPECT_EQ(medium_->transfers, 0);
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), 0);
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, kBase, sector_), static_cast<std::int64_t>(sector_));
}

TEST_P(BlockDevice, HandsFailuresOn) {
  struct {
    int error;
    std::int64_t answer;
  } const cases[] = {
      {EIO, -SPRY_EIO},       {ENOSPC, -SPRY_ENOSPC},        {EDQUOT, -SPRY_ENOSPC}, {EFBIG, -SPRY_ENOSPC},
      {EROFS, -SPRY_EROFS},   {EPERM, -SPRY_EROFS},          {EFAULT, -SPRY_EFAULT}, {EBADF, -SPRY_EIO},
      {ETIMEDOUT, -SPRY_EIO}, {EOPNOTSUPP, -SPRY_EOPNOTSUPP}};
  for (const auto& [error, answer] : cases) {
    medium_->step = [error = error](std::size_t) { return -error; };
    EXPECT_EQ(call(SPRY_BLOCK_READ, 0, kBase, sector_), answer) << error;
    EXPECT_EQ(call(SPRY_BLOCK_WRITE, 0, kBase, sector_), answer) << error;
    medium_->discard_error = error;
    EXPECT_EQ(call(SPRY_BLOCK_DISCARD, 0, sector_), answer) << error;
  }
  medium_->step = nullptr;
  EXPECT_EQ(call(SPRY_BLOCK_WRITE, 0, kBase, sector_), static_cast<std::int64_t>(sector_));
  // The medium's file became shorter.
  medium_->step = [](std::size_t) { return 0; };
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, kBase, sector_), -SPRY_EIO);
}

TEST_P(BlockDevice, GoesOnAfterShortTransfersAndInterruptions) {
  int turn = 0;
  medium_->step = [&turn](std::size_t length) {
    ++turn;
    if (turn % 3 == 0) return ssize_t{-EINTR};
    return static_cast<ssize_t>(std::min<std::size_t>(length, 1 + static_cast<std::size_t>(turn) * 1000));
  };
  const std::uint64_t size = 256 * sector_;
  for (std::uint64_t i = 0; i < size; ++i) guest_.at(kBase)[i] = static_cast<std::byte>(i * 13 + i / 256);
  EXPECT_EQ(call(SPRY_BLOCK_WRITE, sector_, kBase, size), static_cast<std::int64_t>(size));
  EXPECT_EQ(std::memcmp(&medium_->bytes_[sector_], guest_.at(kBase), size), 0);
  turn = 0;
  EXPECT_EQ(call(SPRY_BLOCK_READ, sector_, kBase + size, size), static_cast<std::int64_t>(size));
  EXPECT_EQ(std::memcmp(guest_.at(kBase), guest_.at(kBase + size), size), 0);
  EXPECT_EQ(guest_.out, size);
  EXPECT_EQ(guest_.in, size);
  EXPECT_GT(medium_->transfers, 10);
}

TEST_P(BlockDevice, FailsInTheMiddle) {
  int turn = 0;
  medium_->step = [&turn](std::size_t length) { return ++turn == 3 ? ssize_t{-ENOSPC} : static_cast<ssize_t>(length); };
  EXPECT_EQ(call(SPRY_BLOCK_WRITE, 0, kBase, FakeGuest::kSize), -SPRY_ENOSPC);
  EXPECT_EQ(guest_.out, std::uint64_t{2} << 20);
}

// Transfers are cut into pieces of at most 1 MiB, so that a deadline need not wait for the end of a long one.
TEST_P(BlockDevice, StopsWhenTheRunIsToEnd) {
  std::size_t largest = 0;
  medium_->step = [&largest](std::size_t length) {
    largest = std::max(largest, length);
    return static_cast<ssize_t>(length);
  };
  guest_.patience = 1;
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, kBase, FakeGuest::kSize), std::int64_t{2} << 20);
  EXPECT_EQ(guest_.in, std::uint64_t{2} << 20);
  guest_.patience = guest_.waits;
  EXPECT_EQ(call(SPRY_BLOCK_WRITE, 0, kBase, FakeGuest::kSize), std::int64_t{1} << 20);
  EXPECT_EQ(guest_.out, std::uint64_t{1} << 20);
  EXPECT_EQ(largest, std::size_t{1} << 20);
  // A transfer of one piece does not call Guest::wait.
  guest_.waits = 0;
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, kBase, std::uint64_t{1} << 20), std::int64_t{1} << 20);
  EXPECT_EQ(guest_.waits, 0);
  // An interruption that ends the run.
  medium_->step = [](std::size_t) { return ssize_t{-EINTR}; };
  guest_.patience = 0;
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, kBase, sector_), 0);
}

TEST_P(BlockDevice, Flushes) {
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), 0);
  EXPECT_EQ(medium_->flushes, 1);
  medium_->flush_error = EINTR;
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), 0);
  EXPECT_EQ(medium_->flushes, 3);
}

// The kernel reports a lost write-back only once, but the data stays lost: later flushes must fail too.
TEST_P(BlockDevice, NeverFlushesAgainAfterAFailure) {
  medium_->flush_error = EIO;
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), -SPRY_EIO);
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), -SPRY_EIO);
  EXPECT_EQ(call(SPRY_BLOCK_READ, 0, kBase, sector_), static_cast<std::int64_t>(sector_));
}

// Lost data concerns the action that wrote it, and not the next one.
TEST_P(BlockDevice, FlushesForTheNextActionAfterAFailure) {
  medium_->flush_error = EIO;
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), -SPRY_EIO);
  device_.attach({});
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), 0);
}

TEST_P(BlockDevice, TellsAFullDeviceFromABrokenOneAtAFlush) {
  medium_->flush_error = ENOSPC;
  EXPECT_EQ(call(SPRY_BLOCK_FLUSH), -SPRY_ENOSPC);
}

TEST_P(BlockDevice, Discards) {
  EXPECT_EQ(call(SPRY_BLOCK_DISCARD, sector_, 2 * sector_), 0);
  ASSERT_EQ(medium_->discarded.size(), 1u);
  EXPECT_EQ(medium_->discarded[0], std::pair(sector_, 2 * sector_));
  medium_->discard_error = EINTR;
  EXPECT_EQ(call(SPRY_BLOCK_DISCARD, 0, kCapacity), 0);
  EXPECT_EQ(medium_->discarded.back(), std::pair(std::uint64_t{0}, kCapacity));
}

TEST(BlockModule, RefusesADiskThatIsNotAttached) {
  const Result<std::unique_ptr<Device>> opened = block_module.open({1, "block", "data"}, std::nullopt);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message,
            "block data: named in the manifest, but not attached: --block data=FILE is missing");
}

TEST(BlockModule, OpensAFile) {
  const TemporaryFile file(8192);
  for (const std::string options : {"", ",ro", ",overlay", ",sector=4096"}) {
    const Result<std::unique_ptr<Device>> opened = block_module.open({1, "block", "data"}, file.path() + options);
    ASSERT_TRUE(opened) << opened.error().message;
    FakeGuest guest;
    EXPECT_EQ((*opened)->call(guest, {SPRY_BLOCK_INFO, kBase, 0, 0}).value(), 0);
    spry_block_info info;
    std::memcpy(&info, guest.at(kBase), sizeof info);
    EXPECT_EQ(info.capacity, 8192u);
    EXPECT_EQ(info.sector_size, options == ",sector=4096" ? 4096u : 512u);
    EXPECT_EQ((info.flags & SPRY_BLOCK_READ_ONLY) != 0, options == ",ro");
  }
  EXPECT_FALSE(block_module.open({1, "block", "data"}, file.path() + ",x"));
  EXPECT_FALSE(block_module.open({1, "block", "data"}, file.path() + "x"));
  EXPECT_FALSE(block_module.open({1, "block", "data"}, file.path() + "x,overlay"));
}

}  // namespace
}  // namespace spry::block
