// `spry snapshot`, and what `spry run` and `spry pool` make of its files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "spry_test.h"

namespace spry::test {
namespace {

using Words = std::vector<std::string>;

class SnapshotCommand : public RunTest {
 protected:
  // `spry snapshot OPTION... -o FILE GUEST ARG...`, with FILE = path("snapshot").
  Outcome take(const std::string& name, const Words& options = {}, const Words& arguments = {}) const {
    Words words = {command(), "snapshot"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"-o", path("snapshot"), guest(name)});
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words);
  }
  // `spry run OPTION... FILE ARG...`.
  Outcome run_it(const Words& options = {}, const Words& arguments = {}) const {
    Words words = {command(), "run"};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(path("snapshot"));
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words);
  }
  Outcome pool_it(std::string_view lines, const Words& options = {}) const {
    write_file(path("lines"), lines);
    const Fd file(open(path("lines").c_str(), O_RDONLY | O_CLOEXEC));
    Words words = {command(), "pool"};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(path("snapshot"));
    return run(words, {.input = file.get()});
  }
  // The sorted names of the files in the test's folder.
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path(""))) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  // Changes the byte at `offset` of the snapshot file. No machine has the file mapped.
  void damage(std::size_t offset) const {
    std::string bytes = read_file(path("snapshot"));
    ASSERT_LT(offset, bytes.size());
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x10);
    write_file(path("snapshot"), bytes);
  }
};

TEST_F(SnapshotCommand, IsQuietAndRunsAsTheImageDoes) {
  const Outcome taken = take("it-input");
  expect_exit(taken, 0);
  EXPECT_EQ(taken.output, "");
  EXPECT_EQ(files(), Words{"snapshot"});
  write_file(path("input"), "some bytes");
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = run_it({"--input", path("input")});
    expect_exit(outcome, 0);
    EXPECT_EQ(outcome.output, "[some bytes]\n");
  }
  const Outcome pooled = pool_it("one\ntwo\nexit 7\n", {"--workers", "2"});
  expect_exit(pooled, 1, "spry: input 3: exited with 7\n");
  EXPECT_EQ(pooled.output, "[one]\n[two]\n");
}

TEST_F(SnapshotCommand, HasTheStateThatTheGuestMade) {
  write_file(path("input"), "x");
  const Outcome cold = run(run_of({"--input", path("input")}, "ready_state"));
  expect_exit(cold, 0);
  expect_exit(take("ready_state"), 0);
  EXPECT_GT(std::filesystem::file_size(path("snapshot")), std::size_t{8} << 20);
  const Outcome outcome = run_it({"--input", path("input"), "--verify"});
  expect_exit(outcome, 0);
  EXPECT_EQ(outcome.output, cold.output);
  const Outcome pooled = pool_it("x\nx\n");
  expect_exit(pooled, 0, "2 actions in ");
  EXPECT_EQ(pooled.output, cold.output + cold.output);
}

// What is printed before `ready` belongs to each action, and not to the one that takes the snapshot.
TEST_F(SnapshotCommand, OutputBeforeReadyComesWithEachAction) {
  const Outcome cold = run(run_of({}, "ready_output"));
  const Outcome taken = take("ready_output");
  expect_exit(taken, 0);
  EXPECT_EQ(taken.output, "");
  const Outcome outcome = run_it();
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, cold.output);
  EXPECT_EQ(outcome.diagnostics, cold.diagnostics);
}

TEST_F(SnapshotCommand, IsARegularFileThatOthersMayRead) {
  expect_exit(take("it-input"), 0);
  struct stat status;
  ASSERT_EQ(stat(path("snapshot").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFREG | 0644u);
}

// Machines that run from the old file keep it.
TEST_F(SnapshotCommand, ReplacesAFileByRenaming) {
  write_file(path("snapshot"), "something else");
  const Fd before(open(path("snapshot").c_str(), O_RDONLY | O_CLOEXEC));
  expect_exit(take("it-input"), 0);
  EXPECT_EQ(files(), Words{"snapshot"});
  char bytes[32];
  EXPECT_EQ(read(before.get(), bytes, sizeof bytes), 14);
  Pipe pipe = make_pipe();
  Process pool({command(), "pool", path("snapshot")}, {.input = pipe.read.get()});
  ASSERT_EQ(write(pipe.write.get(), "one\n", 4), 4);
  ASSERT_TRUE(pool.await_output("[one]\n"));
  expect_exit(take("counter_action"), 0);
  ASSERT_EQ(write(pipe.write.get(), "two\n", 4), 4);
  pipe.write.close();
  const Outcome outcome = pool.finish();
  expect_exit(outcome, 0, "2 actions in ");
  EXPECT_EQ(outcome.output, "[one]\n[two]\n");
  EXPECT_EQ(run_it().output, "1\n");
}

// If the guest ends before it is ready, the command prints the guest's output and ends as `spry run` does. But after an
// exit with 0 it ends with 126, because there is no snapshot.
TEST_F(SnapshotCommand, WithoutReadyEndsAsTheRun) {
  const struct {
    Words options;
    Words arguments;
    int code;
    std::string sentence;
  } endings[] = {
      {{}, {"exit", "0"}, 126, "it exited with 0 before it called ready\n"},
      {{}, {"exit", "256"}, 126, "it exited with 256 before it called ready\n"},
      {{}, {"exit", "3"}, 3, "it exited with 3 before it called ready\n"},
      {{}, {"exit", "65579"}, 43, "it exited with 65579 before it called ready\n"},
      {{}, {"abort", "no more"}, 134, "aborted: no more\n"},
      {{}, {"crash"}, 139, "null pointer write at 0x0\n"},
      {{"--deadline", "100ms"}, {"spin"}, 124, "deadline of 100ms passed\n"},
      {{"--deadline", "1ns"}, {"spin"}, 124, "deadline of 1ns passed\n"},
      {{"--deadline", "100ms"}, {"sleep"}, 124, "deadline of 100ms passed\n"},
      {{}, {"print", "80000000"}, 125, "it printed more than "},
  };
  for (const auto& one : endings) {
    SCOPED_TRACE(testing::PrintToString(one.arguments));
    const Outcome taken = take("it-acts", one.options, one.arguments);
    expect_exit(taken, one.code, "it-acts: there is no snapshot to take: " + one.sentence);
    EXPECT_EQ(files(), Words{});
    const Outcome ran = run(run_of(one.options, "it-acts", one.arguments));
    if (one.code == 125) continue;  // a run keeps no output, so there is never too much
    EXPECT_EQ(ran.status, one.code == 126 ? 0 : taken.status);
    EXPECT_EQ(taken.output, "");
    EXPECT_TRUE(taken.diagnostics.starts_with(ran.output + "spry: ")) << taken.diagnostics;
  }
  const Outcome hello = take("hello");
  expect_exit(hello, 126, "Hello\nspry: " + guest("hello") + ": there is no snapshot to take: it exited with 0 before");
  EXPECT_EQ(hello.output, "");
}

// The deadline covers the saving too, wherever that waits, and also the printing of what the guest said.
TEST_F(SnapshotCommand, ADeadlineEndsTheSaving) {
  Pipe full = make_full_pipe();
  for (const Words& verb : {Words{"spin"}, {"abort", "no more"}}) {
    Words words = {command(), "snapshot", "--deadline", "200ms", "-o", path("snapshot"), guest("it-acts")};
    words.insert(words.end(), verb.begin(), verb.end());
    const Outcome outcome = run(words, {.diagnostics = full.write.get()});
    EXPECT_FALSE(outcome.timed_out);
    EXPECT_EQ(outcome.status, 124 << 8);
  }
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  const Fd reader(open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));  // and never reads
  for (const std::string& to : {path("fifo"), std::string("/proc/self/fd/1")}) {
    SCOPED_TRACE(to);
    const Outcome outcome =
        run({command(), "snapshot", "--deadline", "2s", "-o", to, guest("ready_state")}, {.output = full.write.get()});
    expect_exit(outcome, 124, "ready_state: the snapshot was not written: deadline of 2s passed\n");
  }
  // A deadline that did not pass leaves nothing behind that could end the command later.
  Process spry({command(), "snapshot", "--deadline", "1m", "-o", "/proc/self/fd/1", guest("ready_state")});
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 0);
  write_file(path("snapshot"), outcome.output);
  expect_exit(run_it(), 0);
  EXPECT_EQ(files(), (Words{"fifo", "snapshot"}));
}

TEST_F(SnapshotCommand, AFailureLeavesTheOldFileAndNoOther) {
  write_file(path("snapshot"), "something else");
  expect_exit(take("hello"), 126, "there is no snapshot to take: ");
  EXPECT_EQ(read_file(path("snapshot")), "something else");
  EXPECT_EQ(files(), Words{"snapshot"});
}

TEST_F(SnapshotCommand, ThatCannotBeWrittenIsAFailure) {
  expect_exit(run({command(), "snapshot", "-o", path("absent/file"), guest("it-input")}), 125,
              "absent/file: cannot be written: No such file or directory\n");
  expect_exit(run({command(), "snapshot", "-o", "", guest("it-input")}), 125, ": cannot be written: ");
  EXPECT_EQ(files(), Words{});
  // Everything is written, but then the name turns out to be a directory's.
  std::filesystem::create_directories(path("folder/inside"));
  expect_exit(run({command(), "snapshot", "-o", path("folder"), guest("it-input")}), 125,
              "folder: cannot be written: Is a directory\n");
  EXPECT_EQ(files(), Words{"folder"});
}

TEST_F(SnapshotCommand, OfADiskThatWasWrittenToIsRefused) {
  write_file(path("disk"), std::string(1 << 20, '\0'));
  const std::string disk = "disk=" + path("disk");
  expect_exit(take("write_before_ready", {"--block", disk + ",overlay"}), 126,
              "there is no snapshot to take: an overlay was written to before ready");
  expect_exit(take("write_before_ready", {"--block", disk}), 125, "serves one action only");
  EXPECT_EQ(files(), Words{"disk"});
}

TEST_F(SnapshotCommand, WhatCannotRunIsRefusedAsByRun) {
  expect_exit(run({command(), "snapshot", "-o", path("snapshot"), path("absent")}), 127, "absent: no such file\n");
  write_file(path("text"), "no unikernel");
  expect_exit(run({command(), "snapshot", "-o", path("snapshot"), path("text")}), 126, "text: not an ELF file\n");
  EXPECT_EQ(files(), Words{"text"});
  expect_exit(take("it-input"), 0);
  expect_exit(run({command(), "snapshot", "-o", path("again"), path("snapshot")}), 126, "snapshot: ");
}

TEST_F(SnapshotCommand, BadOptionsAreRefused) {
  expect_exit(run({command(), "snapshot", guest("it-input")}), 125,
              "spry: snapshot: -o FILE is missing: where the snapshot is to go (see spry help snapshot)\n");
  // What follows UNIKERNEL is the guest's.
  expect_exit(run({command(), "snapshot", guest("it-input"), "-o", path("snapshot")}), 125, "-o FILE is missing");
  expect_exit(run({command(), "snapshot", "-o"}), 125, "spry: snapshot: -o needs a value (see spry help snapshot)\n");
  expect_exit(run({command(), "snapshot", "-o", path("snapshot")}), 125,
              "spry: snapshot: no UNIKERNEL is given (see spry help snapshot)\n");
  expect_exit(take("it-input", {"--input", "-"}), 125, "spry: snapshot: unknown option --input");
  expect_exit(take("it-input", {"--out=x"}), 125, "spry: snapshot: unknown option --out ");
  EXPECT_EQ(files(), Words{});
  for (const Words& spelling : {Words{"--output=" + path("a")}, {"--output", path("b")}, {"-o" + path("c")}}) {
    Words words = {command(), "snapshot"};
    words.insert(words.end(), spelling.begin(), spelling.end());
    words.push_back(guest("it-input"));
    expect_exit(run(words), 0);
  }
  EXPECT_EQ(files(), (Words{"a", "b", "c"}));
}

TEST_F(SnapshotCommand, MemoryAndArgumentsBelongToIt) {
  expect_exit(take("it-input", {"--memory", "32M"}, {"one", "two"}), 0);
  write_file(path("input"), "argument");
  for (const Words& arguments : {Words{}, {"one", "two"}}) {
    const Outcome outcome = run_it({"--input", path("input"), "--memory", "32M"}, arguments);
    expect_exit(outcome, 0);
    EXPECT_EQ(outcome.output, "one[argument]\n");
  }
  expect_exit(run_it({"--memory", "16M"}), 125,
              "snapshot: the snapshot was taken with 32768 KiB of memory, not 16384\n");
  expect_exit(pool_it("a\n", {"--memory", "16M"}), 125, "taken with 32768 KiB of memory, not 16384\n");
  for (const Words& arguments : {Words{"one"}, {"one", "three"}, {"one", "two", "three"}}) {
    expect_exit(run_it({}, arguments), 125,
                "snapshot: the snapshot was taken with other arguments, which belong to it\n");
  }
}

TEST_F(SnapshotCommand, FailuresOfAnActionAreThoseOfTheImage) {
  expect_exit(take("it-input"), 0);
  write_file(path("input"), "exit 300");
  expect_exit(run_it({"--input", path("input")}), 44);
  write_file(path("input"), "crash");
  const Outcome fault = run_it({"--input", path("input")});
  expect_exit(fault, 139, "snapshot: null pointer write at 0x0\n");
  EXPECT_EQ(fault.output, "before\n");
  write_file(path("input"), "abort");
  expect_exit(run_it({"--input", path("input")}), 134, "snapshot: aborted: as it was told\n");
  write_file(path("input"), "spin");
  expect_exit(run_it({"--input", path("input"), "--deadline", "100ms"}), 124, "snapshot: deadline of 100ms passed\n");
}

TEST_F(SnapshotCommand, ARunOfItHasAReport) {
  expect_exit(take("it-input"), 0);
  write_file(path("input"), "abc");
  expect_exit(run_it({"--input", path("input"), "--report", path("report")}), 0);
  const auto report = nlohmann::json::parse(read_file(path("report")), nullptr, false);
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["status"], 0);
  EXPECT_EQ(report["reason"], "exit");
  EXPECT_EQ(report["bytes"]["in"], 3);
  EXPECT_EQ(report["bytes"]["out"], 6);
  EXPECT_EQ(report["exits"]["ready"], 0);
  EXPECT_EQ(report["exits"]["exit"], 1);
  EXPECT_EQ(report["memory"]["reserved"], 16 << 20);
  EXPECT_LT(report["memory"]["touched"].get<std::uint64_t>(), 1u << 20);
  damage(200);
  expect_exit(run_it({"--report", path("report")}), 126, "it is damaged\n");
  EXPECT_EQ(nlohmann::json::parse(read_file(path("report")), nullptr, false)["reason"], "error");
}

TEST_F(SnapshotCommand, VerifyIsForSnapshots) {
  expect_exit(run(run_of({"--verify"}, "it-input")), 125,
              "spry: " + guest("it-input") + ": --verify is for a snapshot, and this is none\n");
  expect_exit(run({command(), "run", "--verify", path("absent")}), 127, "absent: no such file\n");
  write_file(path("text"), "no unikernel");
  expect_exit(run({command(), "run", "--verify", path("text")}), 126, "text: not an ELF file\n");
}

TEST_F(SnapshotCommand, DamageOfTheHeaderAndTheMetadataIsAlwaysFound) {
  expect_exit(take("it-input"), 0);
  const std::string whole = read_file(path("snapshot"));
  const int format = static_cast<unsigned char>(whole[8]);
  const int damaged = format ^ 0x10;
  for (const auto& [offset, sentence] : std::vector<std::pair<std::size_t, std::string>>{
           {0, "snapshot: not an ELF file\n"},
           {8, "snapshot: a snapshot of format " + std::to_string(damaged) + ", and this monitor reads format " +
                   std::to_string(format) + "\n"},
           {12, "bytes of header, and this monitor writes "},
           {16, "this is Spry " SPRY_VERSION ": take it anew\n"},
           {104, "the snapshot's metadata does not match its digest: it is damaged\n"},
           {1000, "the snapshot's metadata does not match its digest: it is damaged\n"}}) {
    damage(offset);
    expect_exit(run_it(), 126, sentence);
    expect_exit(pool_it("a\n"), 126, sentence);
    write_file(path("snapshot"), whole);
  }
  // Every byte of the header counts.
  for (std::size_t offset = 0; offset < 104; ++offset) {
    SCOPED_TRACE(offset);
    damage(offset);
    expect_exit(run_it(), 126, "snapshot: ");
    write_file(path("snapshot"), whole);
  }
  expect_exit(run_it(), 0);
}

TEST_F(SnapshotCommand, DamageOfTheContentsIsFoundByVerify) {
  expect_exit(take("it-input"), 0);
  damage(std::filesystem::file_size(path("snapshot")) - 1);
  expect_exit(run_it({"--verify"}), 126,
              "snapshot: the snapshot's contents do not match their digest: it is damaged\n");
}

TEST_F(SnapshotCommand, ATruncatedOneIsRefused) {
  expect_exit(take("it-input"), 0);
  const std::string whole = read_file(path("snapshot"));
  for (const std::size_t size : {whole.size() - 1, whole.size() - 4096, std::size_t{4096}, std::size_t{104}}) {
    write_file(path("snapshot"), std::string_view(whole).substr(0, size));
    expect_exit(run_it(), 126, ": it was truncated or is damaged\n");
  }
  for (const std::size_t size : {std::size_t{103}, std::size_t{8}}) {
    write_file(path("snapshot"), std::string_view(whole).substr(0, size));
    expect_exit(run_it(), 126, "snapshot: not a snapshot: it does not begin as one\n");
  }
  write_file(path("snapshot"), std::string_view(whole).substr(0, 7));
  expect_exit(run_it(), 126, "snapshot: not an ELF file\n");
  write_file(path("snapshot"), "");
  expect_exit(run_it(), 126, "snapshot: ");
  write_file(path("snapshot"), whole + "x");
  expect_exit(run_it(), 126, ": it was truncated or is damaged\n");
}

// Pages that the machine has not copied are gone: the run ends with a sentence, not with SIGBUS.
TEST_F(SnapshotCommand, OneTruncatedUnderItsGuestEndsTheRun) {
  expect_exit(take("it-state"), 0);
  const Outcome whole = run_it();
  expect_exit(whole, 0);
  EXPECT_EQ(whole.output, "waiting\n256\n");
  Process spry({command(), "run", "--deadline", "20s", path("snapshot")});
  ASSERT_TRUE(spry.await_output("waiting\n"));
  ASSERT_EQ(truncate(path("snapshot").c_str(), 65536), 0);
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 125, "truncated while it ran\n");
  EXPECT_EQ(outcome.output, "waiting\n");
}

}  // namespace
}  // namespace spry::test
