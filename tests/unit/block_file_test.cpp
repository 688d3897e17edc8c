#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "block_fakes.h"
#include "file.h"

namespace spry::block {
namespace {

Result<File> open_disk(const std::string& path, bool read_only = false, std::uint32_t sector_size = 512) {
  return File::open("data", {path, read_only, false, sector_size});
}

std::string error_of(const Result<File>& result) { return result ? "no error" : result.error().message; }

std::span<std::byte> bytes_of(std::string& text) { return std::as_writable_bytes(std::span(text)); }

TEST(BlockFile, ReadsAndWrites) {
  const TemporaryFile file(4096);
  Result<File> disk = open_disk(file.path());
  ASSERT_TRUE(disk) << error_of(disk);
  EXPECT_EQ(disk->capacity(), 4096u);
  EXPECT_FALSE(disk->read_only());
  std::string text(512, 'x');
  EXPECT_EQ(disk->write(bytes_of(text), 1024), 512);
  EXPECT_EQ(disk->flush(), 0);
  EXPECT_EQ(file.content(), std::string(1024, '\0') + text + std::string(2560, '\0'));
  text.assign(1024, '?');
  EXPECT_EQ(disk->read(bytes_of(text), 512), 1024);
  EXPECT_EQ(text, std::string(512, '\0') + std::string(512, 'x'));
}

TEST(BlockFile, OpensReadOnlyWhatMayOnlyBeRead) {
  const TemporaryFile file(512);
  chmod(file.path().c_str(), 0444);
  Result<File> disk = open_disk(file.path(), true);
  ASSERT_TRUE(disk) << error_of(disk);
  EXPECT_TRUE(disk->read_only());
  EXPECT_FALSE(disk->discards());
  EXPECT_EQ(disk->flush(), 0);
  std::string text(512, 'x');
  EXPECT_EQ(disk->write(bytes_of(text), 0), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(BlockFile, RefusesWhatIsNoDisk) {
  const std::string about = "block data: ";
  EXPECT_EQ(error_of(open_disk("/nowhere/disk")),
            about + "/nowhere/disk: cannot be opened for writing: No such file or directory");
  EXPECT_EQ(error_of(open_disk("/nowhere/disk", true)),
            about + "/nowhere/disk: cannot be opened: No such file or directory");
  EXPECT_EQ(error_of(open_disk("/")), about + "/: cannot be opened for writing: Is a directory");
  EXPECT_EQ(error_of(open_disk("/", true)), about + "/: is neither a regular file nor a block device");
  EXPECT_EQ(error_of(open_disk("/dev/null")), about + "/dev/null: is neither a regular file nor a block device");
  const TemporaryFile name(0);
  EXPECT_EQ(error_of(open_disk(name.path())), about + name.path() + ": is empty: a disk has at least one sector");
  unlink(name.path().c_str());
  ASSERT_EQ(mkfifo(name.path().c_str(), 0600), 0);
  for (const bool read_only : {false, true}) {
    EXPECT_EQ(error_of(open_disk(name.path(), read_only)),
              about + name.path() + ": is neither a regular file nor a block device");
  }
}

TEST(BlockFile, RefusesASizeThatIsNoMultipleOfTheSector) {
  for (const auto& [size, sector] : {std::pair{511, 512}, {513, 512}, {1, 512}, {512, 4096}, {4608, 4096}}) {
    const TemporaryFile file(static_cast<std::uint64_t>(size));
    EXPECT_EQ(error_of(open_disk(file.path(), false, static_cast<std::uint32_t>(sector))),
              "block data: " + file.path() + ": its " + std::to_string(size) +
                  " bytes are no multiple of the sector size " + std::to_string(sector));
  }
}

TEST(BlockFile, IsLockedWhileItIsWritten) {
  const TemporaryFile file(512);
  const std::string about = "block data: " + file.path() + ": locked: another process has it open";
  {
    const Result<File> writer = open_disk(file.path());
    ASSERT_TRUE(writer);
    EXPECT_EQ(error_of(open_disk(file.path())), about + " (to share it, all must open it with ro)");
    EXPECT_EQ(error_of(open_disk(file.path(), true)), about + " for writing");
  }
  {
    const Result<File> reader = open_disk(file.path(), true);
    ASSERT_TRUE(reader);
    EXPECT_TRUE(open_disk(file.path(), true));
    EXPECT_FALSE(open_disk(file.path()));
  }
  EXPECT_TRUE(open_disk(file.path()));
}

// The locks of other programs: POSIX record locks, of any part of the file.
TEST(BlockFile, ObeysTheLocksOfOthers) {
  const TemporaryFile file(4096);
  for (const bool exclusive : {false, true}) {
    int locked[2];
    int done[2];
    ASSERT_EQ(pipe(locked) | pipe(done), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(done[1]);
      struct flock lock = {};
      lock.l_type = static_cast<short>(exclusive ? F_WRLCK : F_RDLCK);
      lock.l_start = 100;
      lock.l_len = 1;
      char byte = 0;
      const int other = open(file.path().c_str(), O_RDWR);
      const bool told = fcntl(other, F_SETLK, &lock) == 0 && write(locked[1], &byte, 1) == 1;
      _exit(told && read(done[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(done[0]);
    close(locked[1]);
    char byte;
    EXPECT_EQ(read(locked[0], &byte, 1), 1);
    EXPECT_FALSE(open_disk(file.path()));
    EXPECT_EQ(static_cast<bool>(open_disk(file.path(), true)), !exclusive);
    close(done[1]);
    int status = 1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    close(locked[0]);
    EXPECT_TRUE(open_disk(file.path()));
  }
}

TEST(BlockFile, PunchesHoles) {
  const TemporaryFile file(1 << 20);
  Result<File> disk = open_disk(file.path());
  ASSERT_TRUE(disk);
  if (!disk->discards()) GTEST_SKIP() << "the file system of " << file.path() << " punches no holes";
  std::string text(1 << 20, 'x');
  ASSERT_EQ(disk->write(bytes_of(text), 0), 1 << 20);
  ASSERT_EQ(disk->flush(), 0);
  struct stat before;
  struct stat after;
  fstat(file.descriptor(), &before);
  EXPECT_EQ(disk->discard(0, 1 << 19), 0);
  fstat(file.descriptor(), &after);
  EXPECT_EQ(after.st_size, 1 << 20);
  EXPECT_LT(after.st_blocks, before.st_blocks);
  EXPECT_EQ(file.content(), std::string(1 << 19, '\0') + std::string(1 << 19, 'x'));
}

// Beyond the limit a write would end the process by SIGXFSZ.
TEST(BlockFile, RefusesToWriteMoreThanTheProcessMay) {
  const TemporaryFile file(8192);
  struct rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit limit = {4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(error_of(open_disk(file.path())),
            "block data: " + file.path() +
                ": its 8192 bytes are more than the 4096 that this process may write (RLIMIT_FSIZE)");
  EXPECT_TRUE(open_disk(file.path(), true));
  EXPECT_FALSE(block_module.open({1, "block", "data"}, file.path() + ",overlay"));
  limit.rlim_cur = 8192;
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  Result<File> disk = open_disk(file.path());
  ASSERT_TRUE(disk);
  std::string text(512, 'x');
  EXPECT_EQ(disk->write(bytes_of(text), 8192 - 512), 512);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
}

TEST(BlockFile, SaysWhenTheFileBecameShorter) {
  const TemporaryFile file(8192);
  Block device(std::make_unique<File>(*open_disk(file.path())), 512);
  ASSERT_EQ(ftruncate(file.descriptor(), 4096 + 100), 0);
  FakeGuest guest;
  EXPECT_EQ(device.call(guest, {SPRY_BLOCK_READ, 0, FakeGuest::kBase, 4096}).value(), 4096);
  EXPECT_EQ(device.call(guest, {SPRY_BLOCK_READ, 4096, FakeGuest::kBase, 4096}).value(), -SPRY_EIO);
}

}  // namespace
}  // namespace spry::block
