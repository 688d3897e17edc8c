#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "cli/input.h"

namespace spry {
namespace {

// Makes a temporary folder, and restores standard input afterwards.
class InputTest : public testing::Test {
 protected:
  InputTest() : standard_(dup(STDIN_FILENO)) {}
  ~InputTest() override {
    dup2(standard_, STDIN_FILENO);
    close(standard_);
  }

  static std::string file(const std::string& content) {
    static int count = 0;
    const std::string path =
        testing::TempDir() + "cli_input_" + std::to_string(getpid()) + "_" + std::to_string(++count);
    std::ofstream(path) << content;
    return path;
  }

  static void redirect(const std::string& path, int flags = O_RDONLY) {
    const int fd = open(path.c_str(), flags);
    ASSERT_GE(fd, 0);
    dup2(fd, STDIN_FILENO);
    close(fd);
  }

  static std::string content(const Input& input) {
    std::string bytes(input.size, '\0');
    if (input.size != 0 &&
        pread(input.descriptor, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      return "cannot be read";
    }
    return bytes;
  }

 private:
  int standard_;
};

TEST_F(InputTest, IsARegularFileItself) {
  const std::string path = file("some bytes");
  const Result<Input> input = open_input(path.c_str());
  ASSERT_TRUE(input) << input.error().message;
  struct stat mine;
  struct stat its;
  ASSERT_EQ(stat(path.c_str(), &mine), 0);
  ASSERT_EQ(fstat(input->descriptor, &its), 0);
  EXPECT_EQ(mine.st_ino, its.st_ino);
  EXPECT_NE(fcntl(input->descriptor, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(content(*input), "some bytes");
}

TEST_F(InputTest, MayBeEmpty) {
  for (const std::string& path : {file(""), std::string("/dev/null")}) {
    const Result<Input> input = open_input(path.c_str());
    ASSERT_TRUE(input) << input.error().message;
    EXPECT_EQ(input->descriptor, -1);
    EXPECT_EQ(input->size, 0u);
  }
}

TEST_F(InputTest, MayBeAFileOfProc) {
  const Result<Input> input = open_input("/proc/self/comm");
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(content(*input), "cli_test\n");
}

TEST_F(InputTest, IsReadToItsEndFromAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  dup2(ends[0], STDIN_FILENO);
  close(ends[0]);
  const std::string sent(300'000, 'x');
  std::thread writer([&] {
    EXPECT_EQ(write(ends[1], sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
    close(ends[1]);
  });
  const Result<Input> input = open_input("-");
  writer.join();
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(content(*input), sent);
}

TEST_F(InputTest, IsStandardInputItselfIfThatIsAFile) {
  redirect(file("all of it"));
  const Result<Input> input = open_input("-");
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->descriptor, STDIN_FILENO);
  EXPECT_EQ(content(*input), "all of it");
  EXPECT_EQ(lseek(STDIN_FILENO, 0, SEEK_CUR), 9);
}

TEST_F(InputTest, BeginsWhereStandardInputStands) {
  redirect(file("read|unread"));
  ASSERT_EQ(lseek(STDIN_FILENO, 5, SEEK_SET), 5);
  const Result<Input> input = open_input("-");
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_NE(input->descriptor, STDIN_FILENO);
  EXPECT_EQ(content(*input), "unread");
}

TEST_F(InputTest, RefusesWhatCannotBeRead) {
  EXPECT_EQ(open_input("/nonexistent").error().message,
            "input /nonexistent: cannot be opened: No such file or directory");
  EXPECT_EQ(open_input("/nonexistent").error().code, ErrorCode::kMonitor);
  EXPECT_EQ(open_input("/").error().message, "input /: is a directory");
  redirect("/dev/null", O_WRONLY);
  EXPECT_EQ(open_input("-").error().message, "input -: cannot be read: Bad file descriptor");
}

TEST_F(InputTest, RefusesMoreThanItsLimit) {
  const std::string path = file("");
  ASSERT_EQ(truncate(path.c_str(), (off_t{16} << 30) + 1), 0);
  EXPECT_EQ(open_input(path.c_str()).error().message, "input " + path + ": longer than 16 GiB");
  ASSERT_EQ(truncate(path.c_str(), off_t{16} << 30), 0);
  EXPECT_TRUE(open_input(path.c_str()));
  unlink(path.c_str());
}

}  // namespace
}  // namespace spry
