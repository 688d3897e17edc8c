// Files that cannot be unikernels, whatever they contain, and a good one that is cut short.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "elf_builder.h"
#include "spry/image.h"

namespace spry {
namespace {

using test::ElfBuilder;
using test::MemoryFile;

// A folder of its own, removed with what the tests put into it.
class ImageFile : public testing::Test {
 protected:
  ImageFile() {
    std::string pattern = testing::TempDir() + "spry_image_XXXXXX";
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ + "/file";
  }
  ~ImageFile() override {
    unlink(file_.c_str());
    rmdir(folder_.c_str());
  }

  std::string folder_;
  std::string file_;
};

void expect_refused(const std::string& path, ErrorCode code, const std::string& sentence) {
  const auto image = Image::load(path);
  ASSERT_FALSE(image) << path;
  EXPECT_EQ(static_cast<int>(image.error().code), static_cast<int>(code)) << image.error().message;
  EXPECT_EQ(image.error().message, sentence);
}

TEST_F(ImageFile, Missing) {
  expect_refused(file_, ErrorCode::kNotFound, file_ + ": no such file");
  expect_refused("", ErrorCode::kNotFound, ": no such file");
  expect_refused("/dev/null/file", ErrorCode::kNotFound, "/dev/null/file: no such file");
  expect_refused(std::string("/dev/null\0x", 11), ErrorCode::kNotFound, "/dev/null\\x00x: no such file");
}

TEST_F(ImageFile, NameIsEscaped) { expect_refused("/\x1b[2J\n", ErrorCode::kNotFound, "/\\x1b[2J\\x0a: no such file"); }

TEST_F(ImageFile, TooLongAName) {
  const auto image = Image::load(std::string(100000, 'x'));
  ASSERT_FALSE(image);
  EXPECT_LT(image.error().message.size(), 1200u);
}

TEST_F(ImageFile, NoPermission) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  close(open(file_.c_str(), O_CREAT | O_WRONLY, 0));
  expect_refused(file_, ErrorCode::kPermission, file_ + ": cannot be opened: Permission denied");
}

TEST_F(ImageFile, Directory) {
  expect_refused(folder_, ErrorCode::kNotUnikernel, folder_ + ": not a regular file but a directory");
}

TEST_F(ImageFile, Devices) {
  for (const std::string path : {"/dev/null", "/dev/zero"}) {
    expect_refused(path, ErrorCode::kNotUnikernel, path + ": not a regular file but a device");
  }
}

TEST_F(ImageFile, PipeDoesNotBlock) {
  ASSERT_EQ(mkfifo(file_.c_str(), 0600), 0);
  expect_refused(file_, ErrorCode::kNotUnikernel, file_ + ": not a regular file but a pipe");
}

TEST_F(ImageFile, Socket) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(file_.size(), sizeof(address.sun_path));
  std::strncpy(address.sun_path, file_.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  expect_refused(file_, ErrorCode::kNotUnikernel, file_ + ": not a regular file");
  close(descriptor);
}

TEST_F(ImageFile, Empty) {
  const MemoryFile file({});
  expect_refused(file.path(), ErrorCode::kNotUnikernel, file.path() + ": the file is empty");
}

TEST_F(ImageFile, Text) {
  const MemoryFile file(std::vector<std::byte>(100, std::byte{'x'}));
  expect_refused(file.path(), ErrorCode::kNotUnikernel, file.path() + ": not an ELF file");
}

TEST_F(ImageFile, LinuxProgram) {
  expect_refused("/proc/self/exe", ErrorCode::kNotUnikernel,
                 "/proc/self/exe: program header 1: the program is dynamic, it asks for an interpreter");
}

TEST_F(ImageFile, SparseHuge) {
  MemoryFile empty({});
  empty.resize(std::uint64_t{1} << 42);
  expect_refused(empty.path(), ErrorCode::kNotUnikernel, empty.path() + ": not an ELF file");

  ElfBuilder builder = ElfBuilder::executable();
  builder[test::kLoadData].p_filesz = std::uint64_t{31} << 30;
  builder[test::kLoadData].p_memsz = std::uint64_t{31} << 30;
  MemoryFile file(builder.build());
  file.resize(std::uint64_t{1} << 42);
  const auto start = std::chrono::steady_clock::now();
  expect_refused(file.path(), ErrorCode::kNotUnikernel,
                 file.path() + ": program header 2: the segments have more than 0x40000000 bytes in the file");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST_F(ImageFile, GoodUnikernelInAHugeFile) {
  MemoryFile file(ElfBuilder::pie().build());
  file.resize(std::uint64_t{1} << 42);
  EXPECT_TRUE(Image::load(file.path()));
}

TEST_F(ImageFile, TruncatedAtEveryLength) {
  for (const ElfBuilder& builder : {ElfBuilder::executable(), ElfBuilder::pie()}) {
    const std::vector<std::byte> bytes = builder.build();
    MemoryFile file(bytes);
    ASSERT_TRUE(Image::load(file.path()));
    for (std::size_t size = bytes.size(); size-- > 0;) {
      file.resize(size);
      const auto image = Image::load(file.path());
      ASSERT_FALSE(image) << size;
      ASSERT_EQ(static_cast<int>(image.error().code), static_cast<int>(ErrorCode::kNotUnikernel)) << size;
      const std::string rule = size == 0 ? "is empty" : size < 4 ? "not an ELF file" : "truncated: the file ends";
      ASSERT_NE(image.error().message.find(rule), std::string::npos) << size << ": " << image.error().message;
    }
  }
}

// There are no section headers, which would come last and so show that the file is cut.
TEST_F(ImageFile, TruncatedAtEveryLengthWithoutSections) {
  ElfBuilder builder = ElfBuilder::pie();
  builder.header.e_shoff = 0;
  MemoryFile file(builder.build());
  const std::size_t needed = test::kData + test::kDataSize;
  file.resize(needed);
  ASSERT_TRUE(Image::load(file.path()));
  for (std::size_t size = needed; size-- > 0;) {
    file.resize(size);
    ASSERT_FALSE(Image::load(file.path())) << size;
  }
}

}  // namespace
}  // namespace spry
