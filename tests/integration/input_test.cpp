// The input, whatever kind of file it comes from: wordcount says what `wc` says of the same bytes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "spry_test.h"

namespace spry::test {
namespace {

class InputFiles : public RunTest {
 protected:
  // `wc < FILE` in the C locale.
  static std::string wc(const std::string& path, off_t offset = 0) {
    const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    lseek(file.get(), offset, SEEK_SET);
    return run({"wc"}, {.input = file.get(), .in_child = [] { setenv("LC_ALL", "C", 1); }}).output;
  }
  static void expect_counts(const Outcome& outcome, const std::string& counts) {
    expect_exit(outcome, 0);
    EXPECT_EQ(outcome.output, counts);
  }
  static void expect_as_wc(const std::string& path) {
    SCOPED_TRACE(path);
    expect_counts(run(run_of({"--input", path}, "wordcount")), wc(path));
  }
  // Text of words, with many bytes that are not text.
  std::string words_file() const {
    std::mt19937 random(42);
    std::string text;
    while (text.size() < 20001) {
      text.append(1 + random() % 9, static_cast<char>('a' + random() % 26));
      text.push_back(" \n\t\v\xe9 "[random() % 6]);
    }
    write_file(path("words"), text);
    return path("words");
  }
};

TEST_F(InputFiles, RegularFileAndStandardInputAreTheSame) {
  const std::string words = words_file();
  expect_as_wc(words);
  const Fd file(open(words.c_str(), O_RDONLY | O_CLOEXEC));
  expect_counts(run(run_of({"--input", "-"}, "wordcount"), {.input = file.get()}), wc(words));
  // The descriptor's offset is at the end, as if the file had been read.
  EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), static_cast<off_t>(read_file(words).size()));
}

TEST_F(InputFiles, EmptyOnesOfAllKinds) {
  write_file(path("empty"), "");
  expect_as_wc(path("empty"));
  expect_counts(run(run_of({"--input", "/dev/null"}, "wordcount")), "0 0 0\n");
  expect_counts(run(run_of({"--input", "-"}, "wordcount")), "0 0 0\n");
}

TEST_F(InputFiles, SizesAroundAPage) {
  for (const std::size_t size : {1u, 4095u, 4096u, 4097u, 8192u}) {
    write_file(path("sized"), std::string(size, 'x'));
    expect_as_wc(path("sized"));
  }
}

TEST_F(InputFiles, StandardInputCountsFromItsOffset) {
  const std::string words = words_file();
  const Fd file(open(words.c_str(), O_RDONLY | O_CLOEXEC));
  lseek(file.get(), 777, SEEK_SET);
  expect_counts(run(run_of({"--input", "-"}, "wordcount"), {.input = file.get()}), wc(words, 777));
}

TEST_F(InputFiles, PipeAndFifo) {
  const std::string words = words_file();
  const std::string text = read_file(words);
  Pipe pipe = make_pipe();
  ASSERT_EQ(write(pipe.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  pipe.write.close();
  expect_counts(run(run_of({"--input", "-"}, "wordcount"), {.input = pipe.read.get()}), wc(words));

  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  Process spry(run_of({"--input", path("fifo")}, "wordcount"));
  {
    const Fd fifo(open(path("fifo").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(write(fifo.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  expect_counts(spry.finish(), wc(words));
}

TEST_F(InputFiles, FileOfProcThatSaysItIsEmpty) {
  const std::string version = read_file("/proc/version");
  ASSERT_FALSE(version.empty());
  write_file(path("version"), version);
  expect_counts(run(run_of({"--input", "/proc/version"}, "wordcount")), wc(path("version")));
}

TEST_F(InputFiles, TenRealOnes) {
  int count = 0;
  for (const std::string folder : {"/usr/share/common-licenses", "/usr/bin", "/usr/lib/x86_64-linux-gnu", "/etc"}) {
    int of_folder = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      if (!entry.is_regular_file(ignored) || entry.is_symlink(ignored)) continue;
      if (entry.file_size(ignored) > (16 << 20) || access(entry.path().c_str(), R_OK) != 0) continue;
      expect_as_wc(entry.path());
      ++count;
      if (++of_folder == 4) break;
    }
  }
  EXPECT_GE(count, 10);
}

TEST_F(InputFiles, FiftyMegabytesInTheDefaultMemory) {
  std::mt19937_64 random(50);
  std::string text(50'000'000, '\0');
  for (std::size_t i = 0; i < text.size(); i += 8) {
    std::uint64_t bits = random();
    // Mostly words; every 64th piece is any bytes at all.
    for (std::size_t j = i; j < i + 8 && j < text.size(); ++j, bits >>= 8) {
      text[j] = i % 512 == 0 ? static_cast<char>(bits) : "etaoin shrdlu\ncm"[bits & 15];
    }
  }
  write_file(path("large"), text);
  expect_as_wc(path("large"));
  const Fd file(open(path("large").c_str(), O_RDONLY | O_CLOEXEC));
  expect_counts(run(run_of({"--input", "-", "--memory", "2M"}, "wordcount"), {.input = file.get()}), wc(path("large")));
}

TEST_F(InputFiles, ThatCannotBeReadAreNamed) {
  expect_exit(run(run_of({"--input", path("absent")}, "wordcount")), 125, "absent: cannot be opened: No such file");
  expect_exit(run(run_of({"--input", path("")}, "wordcount")), 125, ": is a directory\n");
  expect_exit(run(run_of({"--input", ""}, "wordcount")), 125, "spry: input : cannot be opened");
  const Fd folder(open(path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  expect_exit(run(run_of({"--input", "-"}, "wordcount"), {.input = folder.get()}), 125, "input -: is a directory\n");
  const Fd unreadable(open(path("new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  expect_exit(run(run_of({"--input", "-"}, "wordcount"), {.input = unreadable.get()}), 125,
              "spry: input -: cannot be read");
  ASSERT_EQ(write(unreadable.get(), "x", 1), 1);
  lseek(unreadable.get(), 0, SEEK_SET);
  expect_exit(run(run_of({"--input", "-"}, "wordcount"), {.input = unreadable.get()}), 125, "spry: ");
}

// The pages that were there are gone: the guest's next look at one ends the run with a sentence and not with SIGBUS.
TEST_F(InputFiles, TruncatedUnderTheGuest) {
  write_file(path("vanishing"), std::string(1 << 20, 'x'));
  Process spry(run_of({"--input", path("vanishing"), "--deadline", "20s"}, "it-acts", {"read"}));
  ASSERT_TRUE(spry.await_output("reading\n"));
  ASSERT_EQ(truncate(path("vanishing").c_str(), 0), 0);
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 125, "truncated while it ran");
  EXPECT_EQ(outcome.output, "reading\n");
}

TEST_F(InputFiles, TruncatedUnderTheMonitor) {
  write_file(path("vanishing"), std::string(1 << 20, 'x'));
  Process spry(run_of({"--input", path("vanishing"), "--deadline", "20s"}, "it-acts", {"echo", "65536"}));
  ASSERT_TRUE(spry.await_output("waiting\n"));
  ASSERT_EQ(truncate(path("vanishing").c_str(), 0), 0);
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 125, "spry: ");
  EXPECT_EQ(outcome.output, "waiting\n");
}

}  // namespace
}  // namespace spry::test
