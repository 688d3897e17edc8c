// `spry pool`: inputs, outputs and their order, failures, statistics.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "spry_test.h"

namespace spry::test {
namespace {

using Words = std::vector<std::string>;

std::vector<std::string> pool_of(const Words& options, const std::string& unikernel, const Words& arguments = {}) {
  Words words = {command(), "pool"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(unikernel);
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

// Standard error without the statistics, which begin at the line "N actions in ...".
std::string complaints(const Outcome& outcome) {
  const std::size_t at = outcome.diagnostics.find(" actions in ");
  if (at == std::string::npos) return outcome.diagnostics;
  const std::size_t line = outcome.diagnostics.rfind('\n', at);
  return outcome.diagnostics.substr(0, line == std::string::npos ? 0 : line + 1);
}

// What a terminal has shown up to the statistics. It is read again and again, because one read may give only a part.
std::string shown_by(const Terminal& terminal) {
  std::string shown;
  pollfd master = {terminal.master.get(), POLLIN, 0};
  while (shown.find(" actions in ") == std::string::npos && poll(&master, 1, 10'000) > 0) {
    std::array<char, 4096> part;
    const ssize_t got = read(terminal.master.get(), part.data(), part.size());
    if (got <= 0) break;
    shown.append(part.data(), static_cast<std::size_t>(got));
  }
  return shown;
}

class PoolCommand : public RunTest {
 protected:
  // `spry pool` with these bytes on standard input.
  Outcome pool(std::string_view lines, const Words& options = {}, const std::string& name = "it-input",
               const Words& arguments = {}) const {
    write_file(path("lines"), lines);
    const Fd file(open(path("lines").c_str(), O_RDONLY | O_CLOEXEC));
    return run(pool_of(options, guest(name), arguments), {.input = file.get()});
  }
  std::string folder(const std::string& name) const {
    std::filesystem::create_directory(path(name));
    return path(name);
  }
  // The names of a folder's files, sorted.
  static Words files(const std::string& in) {
    Words names;
    for (const auto& entry : std::filesystem::directory_iterator(in)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_F(PoolCommand, EachLineIsAnInput) {
  const Outcome outcome = pool("one\ntwo\n\nfour\n");
  expect_exit(outcome, 0, "4 actions in ");
  EXPECT_EQ(outcome.output, "[one]\n[two]\n[]\n[four]\n");
  EXPECT_EQ(complaints(outcome), "");
}

TEST_F(PoolCommand, TheLastLineNeedsNoEnd) {
  const Outcome outcome = pool("one\ntwo");
  expect_exit(outcome, 0, "2 actions in ");
  EXPECT_EQ(outcome.output, "[one]\n[two]\n");
}

TEST_F(PoolCommand, ALineMayHoldAnyBytes) {
  const std::string bytes("a\0b\r\x80\xff\x1b", 7);
  const Outcome outcome = pool(bytes + "\n" + std::string(1, '\0') + "\n");
  expect_exit(outcome, 0, "2 actions in ");
  EXPECT_EQ(outcome.output, "[" + bytes + "]\n[" + std::string(1, '\0') + "]\n");
}

TEST_F(PoolCommand, NoInputIsNoAction) {
  const Outcome outcome = pool("");
  expect_exit(outcome, 0, "0 actions in ");
  EXPECT_EQ(outcome.output, "");
  const Outcome null = run(pool_of({"--inputs", folder("in")}, guest("it-input")));
  expect_exit(null, 0, "0 actions in ");
}

TEST_F(PoolCommand, LinesOfAPipeAreRunAsTheyCome) {
  Pipe pipe = make_pipe();
  Process spry(pool_of({"--workers", "1"}, guest("it-input")), {.input = pipe.read.get()});
  ASSERT_EQ(write(pipe.write.get(), "one\ntwo\n", 8), 8);
  EXPECT_TRUE(spry.await_output("[one]\n"));
  ASSERT_EQ(write(pipe.write.get(), "three\n", 6), 6);
  pipe.write.close();
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 0, "3 actions in ");
  EXPECT_EQ(outcome.output, "[one]\n[two]\n[three]\n");
}

// Outputs keep the inputs' order, however long each action takes and whichever worker runs it.
TEST_F(PoolCommand, OutputsAreInTheInputsOrder) {
  std::string lines;
  std::string outputs;
  for (int i = 0; i < 300; ++i) {
    const std::string line = i % 10 == 0 ? "sleep " + std::to_string(i / 10) : std::to_string(i);
    lines += line + "\n";
    outputs += "[" + line + "]\n";
  }
  for (const char* workers : {"1", "2", "7"}) {
    const Outcome outcome = pool(lines, {"--workers", workers});
    expect_exit(outcome, 0, "300 actions in ");
    EXPECT_EQ(outcome.output, outputs) << workers;
    EXPECT_NE(outcome.diagnostics.find(std::string(", ") + workers + " workers, "), std::string::npos)
        << outcome.diagnostics;
  }
}

TEST_F(PoolCommand, RepeatRunsEachInputSoOften) {
  const Outcome outcome = pool("a\nb\n", {"--repeat", "3"});
  expect_exit(outcome, 0, "6 actions in ");
  EXPECT_EQ(outcome.output, "[a]\n[a]\n[a]\n[b]\n[b]\n[b]\n");
}

TEST_F(PoolCommand, ArgumentsAreEveryActions) {
  const Outcome outcome = pool("argument\nargument\n", {}, "it-input", {"--workers", "2"});
  expect_exit(outcome, 0, "2 actions in ");
  EXPECT_EQ(outcome.output, "--workers[argument]\n--workers[argument]\n");
}

TEST_F(PoolCommand, FilesOfADirectoryAreInputsByName) {
  const std::string in = folder("in");
  write_file(in + "/b", "second\nof two lines\n");
  write_file(in + "/a", "first");
  write_file(in + "/c", "");
  write_file(in + "/.hidden", "before all");
  std::filesystem::create_directory(in + "/folder");
  std::filesystem::create_symlink("a", in + "/link");
  const Outcome outcome = run(pool_of({"--inputs", in}, guest("it-input")));
  expect_exit(outcome, 0, "5 actions in ");
  EXPECT_EQ(outcome.output, "[before all]\n[first]\n[second\nof two lines\n]\n[]\n[first]\n");
}

TEST_F(PoolCommand, OutputsOfADirectoryAreFilesOfTheSameNames) {
  const std::string in = folder("in");
  const std::string out = folder("out");
  write_file(in + "/a", "first");
  write_file(in + "/b c", "second");
  write_file(out + "/a", std::string(1000, 'x'));
  const Outcome outcome = run(pool_of({"--inputs", in, "--outputs", out, "--repeat", "2"}, guest("it-input")));
  expect_exit(outcome, 0, "4 actions in ");
  EXPECT_EQ(outcome.output, "");
  EXPECT_EQ(files(out), (Words{"a", "b c"}));
  EXPECT_EQ(read_file(out + "/a"), "[first]\n");
  EXPECT_EQ(read_file(out + "/b c"), "[second]\n");
}

TEST_F(PoolCommand, OutputsOfLinesAreFilesWithTheirNumbers) {
  const std::string out = folder("out");
  const Outcome outcome = pool("x\ny\nexit 1\n", {"--outputs", out});
  expect_exit(outcome, 1, "spry: input 3: exited with 1\n");
  EXPECT_EQ(files(out), (Words{"1", "2", "3"}));
  EXPECT_EQ(read_file(out + "/2"), "[y]\n");
  EXPECT_EQ(read_file(out + "/3"), "");
}

TEST_F(PoolCommand, InputsOfADirectorySayHowLongTheLongestIs) {
  const std::string in = folder("in");
  const std::string large((3 << 20) + 1, 'x');
  write_file(in + "/large", large);
  write_file(in + "/small", "y");
  const std::string out = folder("out");
  expect_exit(run(pool_of({"--inputs", in, "--outputs", out}, guest("wordcount"))), 0, "2 actions in ");
  EXPECT_EQ(read_file(out + "/large"), "      0       1 3145729\n");
}

TEST_F(PoolCommand, AnInputThatIsTooLongIsItsOwnFailure) {
  const Outcome outcome = pool("12345678\n123456789\n1\n", {"--max-input", "8"});
  expect_exit(outcome, 1, "2 actions in ");
  EXPECT_EQ(outcome.output, "[12345678]\n[1]\n");
  EXPECT_EQ(complaints(outcome),
            "spry: input 2: the line is longer than the 8 bytes that an input may have (--max-input)\n");
  const Outcome default_limit =
      pool(std::string((1 << 20) + 1, 'x') + "\n" + std::string(1 << 20, 'y') + "\n", {}, "wordcount");
  expect_exit(default_limit, 1,
              "spry: input 1: the line is longer than the 1048576 bytes that an input may have (--max-input)\n");
  EXPECT_EQ(default_limit.output, "      0       1 1048576\n");
}

// Limits the address space that a command may have, in bytes.
std::function<void()> within(rlim_t bytes) {
  return [bytes] {
    const rlimit limit = {bytes, bytes};
    setrlimit(RLIMIT_AS, &limit);
  };
}

TEST_F(PoolCommand, ALineThatIsTooLongIsRefusedBeforeItEnds) {
  Pipe lines = make_pipe();
  Pipe said = make_pipe();
  Process spry(pool_of({"--max-input", "8", "--workers", "1"}, guest("it-input")),
               {.input = lines.read.get(), .diagnostics = said.write.get()});
  said.write.close();
  ASSERT_EQ(write(lines.write.get(), "123456789", 9), 9);
  std::string sentence;
  for (char letter = 0; letter != '\n' && read(said.read.get(), &letter, 1) == 1;) sentence += letter;
  EXPECT_EQ(sentence, "spry: input 1: the line is longer than the 8 bytes that an input may have (--max-input)\n");
  ASSERT_EQ(write(lines.write.get(), "rest\nnext", 9), 9);
  lines.write.close();
  const Outcome outcome = spry.finish();
  EXPECT_EQ(outcome.status, 1 << 8);
  EXPECT_EQ(outcome.output, "[next]\n");
}

TEST_F(PoolCommand, AFileThatIsTooLargeIsRefusedBySize) {
#ifdef SPRY_SANITIZED
  GTEST_SKIP() << "the sanitizers need more address space than the test allows";
#endif
  const std::string in = folder("in");
  write_file(in + "/a", "small");
  write_file(in + "/b", "");
  std::filesystem::resize_file(in + "/b", std::uintmax_t{16} << 30);
  const Outcome outcome =
      run(pool_of({"--inputs", in, "--workers", "1"}, guest("it-input")), {.in_child = within(std::size_t{2} << 30)});
  expect_exit(outcome, 1,
              "spry: input b: its 17179869184 bytes are more than the 268435456 bytes that an input may have "
              "(--max-input)\n");
  EXPECT_EQ(outcome.output, "[small]\n");
}

// While the first action lasts, 60 MB of inputs and 60 MB of outputs would wait without a bound.
TEST_F(PoolCommand, WhatWaitsForItsTurnIsBounded) {
#ifdef SPRY_SANITIZED
  GTEST_SKIP() << "the sanitizers need more address space than the test allows";
#endif
  std::string lines = "sleep 1000\n";
  std::string wanted = "[sleep 1000]\n";
  for (int i = 0; i < 60; ++i) {
    const std::string line(1'000'000, static_cast<char>('a' + i % 26));
    lines += line + "\n";
    wanted += "[" + line + "]\n";
  }
  write_file(path("lines"), lines);
  const Fd file(open(path("lines").c_str(), O_RDONLY | O_CLOEXEC));
  const Outcome outcome = run(pool_of({"--workers", "2", "--max-held", "4M"}, guest("it-input")),
                              {.input = file.get(), .in_child = within(std::size_t{110} << 20)});
  expect_exit(outcome, 0, "61 actions in ");
  EXPECT_TRUE(outcome.output == wanted);
}

// An output's JSON, here six times as long as the output, is never in memory as a whole.
TEST_F(PoolCommand, JsonOfALargeOutputIsBounded) {
#ifdef SPRY_SANITIZED
  GTEST_SKIP() << "the sanitizers need more address space than the test allows";
#endif
  const std::string in = folder("in");
  write_file(in + "/a", std::string(std::size_t{30} << 20, '\1'));
  const Fd output(open(path("json").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const Outcome outcome = run(pool_of({"--json", "--inputs", in, "--workers", "1"}, guest("it-input")),
                              {.output = output.get(), .in_child = within(std::size_t{200} << 20)});
  expect_exit(outcome, 0, "1 actions in ");
  const std::string text = read_file(path("json"));
  EXPECT_TRUE(text.find("\"output\":\"[\\u0001\\u0001") != std::string::npos);
  EXPECT_GT(text.size(), std::size_t{180} << 20);
}

// A worker that waits for a reader holds up nothing else: meanwhile many more lines are read than pipes hold.
TEST_F(PoolCommand, AReaderThatWaitsKeepsNothingElseWaiting) {
  for (const bool json : {true, false}) {
    Pipe in = make_pipe();
    Pipe out = make_full_pipe();
    Process spry(pool_of(json ? Words{"--workers", "2", "--json"} : Words{"--workers", "2"}, guest("it-input")),
                 {.input = in.read.get(), .output = out.write.get()});
    in.read.close();
    out.write.close();
    const std::string line = std::string(1999, 'x') + "\n";
    constexpr int kLines = 500;
    for (int i = 0; i < kLines; ++i) {
      pollfd room = {in.write.get(), POLLOUT, 0};
      // After poll(2) says so, a pipe has room for PIPE_BUF bytes.
      ASSERT_EQ(poll(&room, 1, 20'000), 1) << "after " << i << " lines";
      ASSERT_EQ(write(in.write.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    }
    in.write.close();
    const std::string got = read_to_end(out.read);
    expect_exit(spry.finish(), 0, "500 actions in ");
    EXPECT_GT(got.size(), std::size_t{kLines} * 1999);
  }
}

// Someone else who has the same pipes may have made them non-blocking.
TEST_F(PoolCommand, NonBlockingStreamsLoseNothing) {
  for (const bool all : {true, false}) {
    Pipe in = make_pipe();
    Pipe out = make_full_pipe();
    fcntl(in.read.get(), F_SETFL, O_NONBLOCK);
    fcntl(out.write.get(), F_SETFL, O_NONBLOCK);
    const int output = out.write.get();
    // Standard error is the same pipe as standard output, or another one.
    Process spry(pool_of({"--workers", "2"}, guest("it-input")),
                 {.input = in.read.get(), .output = output, .diagnostics = all ? output : ChildSetup::kCapture});
    out.write.close();
    std::string wanted;
    for (const char letter : {'a', 'b', 'c'}) {
      const std::string line(15'000, letter);
      ASSERT_EQ(write(in.write.get(), line.data(), 15'000), 15'000);
      usleep(20'000);
      ASSERT_EQ(write(in.write.get(), "\n", 1), 1);
      wanted += "[" + line + "]\n";
    }
    in.write.close();
    const std::string got = read_to_end(out.read, std::chrono::microseconds(100));
    EXPECT_EQ(spry.finish().status, 0);
    EXPECT_NE(got.find("." + wanted), std::string::npos);
  }
}

TEST_F(PoolCommand, ATerminalThatShowsOutputsShowsNoProgress) {
  write_file(path("lines"), "sleep 150\none\n");
  const Fd lines(open(path("lines").c_str(), O_RDONLY | O_CLOEXEC));
  const Terminal terminal = make_terminal(true);
  Process spry(pool_of({"--workers", "1"}, guest("it-input")),
               {.input = lines.get(), .output = terminal.slave.get(), .diagnostics = terminal.slave.get()});
  EXPECT_EQ(spry.finish().status, 0);
  const std::string shown = shown_by(terminal);
  EXPECT_NE(shown.find("[sleep 150]\n[one]\n2 actions in "), std::string::npos) << shown;
}

// What actions print to the terminal stands in lines of its own, above the progress.
TEST_F(PoolCommand, ATerminalShowsProgressBelowWhatActionsSay) {
  const std::string in = folder("in");
  write_file(in + "/a", "sleep 150");
  write_file(in + "/b", "exit 3");
  write_file(in + "/c", "sleep 150");
  const Terminal terminal = make_terminal(true);
  Process spry(pool_of({"--inputs", in, "--workers", "1"}, guest("it-input")), {.diagnostics = terminal.slave.get()});
  EXPECT_EQ(spry.finish().status, 1 << 8);
  const std::string shown = shown_by(terminal);
  EXPECT_NE(shown.find("\r\x1b[Kspry: input b: exited with 3\n"), std::string::npos) << shown;
}

TEST_F(PoolCommand, TellsALineOfJsonForEachAction) {
  const Words options = {"--json", "--deadline", "1s", "--workers", "2", "--max-input", "8"};
  const Outcome outcome = pool("a\nexit 3\nabort\ncrash\nspin\n123456789\n", options);
  expect_exit(outcome, 1, "5 actions in ");
  EXPECT_EQ(complaints(outcome), "");
  std::istringstream text(outcome.output);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line, nullptr, false));
  ASSERT_EQ(lines.size(), 6u);
  const char* const reasons[] = {"exit", "exit", "abort", "fault", "deadline", "error"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ASSERT_TRUE(lines[i].is_object());
    EXPECT_EQ(lines[i]["input"], std::to_string(i + 1));
    EXPECT_EQ(lines[i]["reason"], reasons[i]);
    EXPECT_EQ(lines[i]["status"].is_null(), i > 1);
  }
  EXPECT_EQ(lines[0]["output"], "[a]\n");
  EXPECT_EQ(lines[1]["status"], 3);
  EXPECT_EQ(lines[2]["message"], "as it was told");
  EXPECT_EQ(lines[3]["crash"]["kind"], "write");
  EXPECT_EQ(lines[3]["crash"]["address"], 0);
  EXPECT_NE(lines[5]["message"].get<std::string>().find("than the 8 bytes"), std::string::npos);

  // With a folder for outputs, nothing goes to standard output.
  const std::string out = folder("out");
  const Outcome kept = pool("a\nexit 3\n", {"--json", "--outputs", out});
  expect_exit(kept, 1, "2 actions in ");
  EXPECT_EQ(read_file(out + "/1"), "[a]\n");
  EXPECT_EQ(kept.output.find("\"output\""), std::string::npos) << kept.output;
}

TEST_F(PoolCommand, ActionsThatFailAreNamedAndTheOthersGoOn) {
  const Outcome outcome = pool("a\nexit 3\nabort\ncrash\nspin\nexit 256\nz\n", {"--deadline", "1s", "--workers", "2"});
  expect_exit(outcome, 1, "7 actions in ");
  EXPECT_EQ(outcome.output, "[a]\nbefore\nbefore\n[z]\n");
  EXPECT_EQ(complaints(outcome),
            "spry: input 2: exited with 3\n"
            "spry: input 3: abort: as it was told\n"
            "spry: input 4: fault: null pointer write at 0x0\n"
            "spry: input 5: deadline\n"
            "spry: input 6: exited with 256\n");
  for (const char* line : {"\n  exit              4\n", "\n  abort             1\n", "\n  fault             1\n",
                           "\n  deadline          1\n", "(3 after failures)"}) {
    EXPECT_NE(outcome.diagnostics.find(line), std::string::npos) << line << outcome.diagnostics;
  }
}

TEST_F(PoolCommand, FailuresOfFilesAreNamedByThem) {
  const std::string in = folder("in");
  write_file(in + "/odd\nname", "exit 9");
  const Outcome outcome = run(pool_of({"--inputs", in}, guest("it-input")));
  expect_exit(outcome, 1, "spry: input odd\\x0aname: exited with 9\n");
}

TEST_F(PoolCommand, DiagnosticsAreInTheInputsOrderToo) {
  const Outcome outcome = pool("sleep 30\ndiagnose first\nexit 1\ndiagnose second\n", {"--workers", "2"});
  expect_exit(outcome, 1, "4 actions in ");
  EXPECT_EQ(complaints(outcome), "first\nspry: input 3: exited with 1\nsecond\n");
  EXPECT_EQ(outcome.output, "[sleep 30]\n[diagnose first]\n[diagnose second]\n");
}

TEST_F(PoolCommand, StatisticsAreOnStandardError) {
  const Outcome outcome = pool("a\nb\nc\n", {"--workers", "1"});
  expect_exit(outcome, 0, "3 actions in ");
  for (const char* text :
       {" a second, 1 workers, ", "\n  exit              3\n", "\n  resets            3 (0 after",
        "rebuilds 0, machines 1\n", "p50", "p99.9", "\n  queue ", "\n  service ", "\n  reset ", "\n  total "}) {
    EXPECT_NE(outcome.diagnostics.find(text), std::string::npos) << text << " in " << outcome.diagnostics;
  }
  // There is no bar where there is no terminal.
  EXPECT_EQ(outcome.diagnostics.find('\r'), std::string::npos);
}

TEST_F(PoolCommand, ATerminalShowsProgress) {
  const std::string in = folder("in");
  write_file(in + "/a", "sleep 20");
  const Terminal terminal = make_terminal(true);
  Process spry(pool_of({"--inputs", in, "--repeat", "30", "--workers", "1"}, guest("it-input")),
               {.diagnostics = terminal.slave.get()});
  const Outcome outcome = spry.finish();
  EXPECT_EQ(outcome.status, 0);
  const std::string shown = shown_by(terminal);
  EXPECT_NE(shown.find("/30 "), std::string::npos) << shown;
  EXPECT_NE(shown.find("[#"), std::string::npos) << "the bar grows: " << shown;
  EXPECT_NE(shown.find("\r\x1b[K30 actions in "), std::string::npos) << "the bar is wiped out: " << shown;
}

// Each action finds a machine in which none was before.
TEST_F(PoolCommand, NothingIsLeftOfTheActionBefore) {
  const Outcome outcome = pool("a\nb\nc\nd\n", {"--repeat", "25", "--workers", "2"}, "counter_action");
  expect_exit(outcome, 0, "100 actions in ");
  std::string ones;
  for (int i = 0; i < 100; ++i) ones += "1\n";
  EXPECT_EQ(outcome.output, ones);
}

TEST_F(PoolCommand, InputsThatCannotBeReadAreNamed) {
  expect_exit(run(pool_of({"--inputs", path("absent")}, guest("it-input"))), 125,
              "absent: cannot be read: No such file or directory\n");
  write_file(path("file"), "x");
  expect_exit(run(pool_of({"--inputs", path("file")}, guest("it-input"))), 125,
              "file: cannot be read: Not a directory\n");
  const Fd directory(open(path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  expect_exit(run(pool_of({}, guest("it-input")), {.input = directory.get()}), 125,
              "spry: inputs -: cannot be read: Is a directory\n");
  expect_exit(run(pool_of({}, guest("it-input")), {.input = ChildSetup::kClosed}), 125,
              "spry: inputs -: cannot be read: Bad file descriptor\n");
}

// A terminal whose other side has gone gives the bytes that it held, and then an error. The lines that were read before
// are still run.
TEST_F(PoolCommand, InputsThatEndInAnErrorAreRunUpToThere) {
  Terminal terminal = make_terminal(true);
  ASSERT_EQ(write(terminal.slave.get(), "sleep 50\none\ntwo\n", 17), 17);
  terminal.slave.close();
  const Outcome outcome = run(pool_of({"--workers", "1"}, guest("it-input")), {.input = terminal.master.get()});
  expect_exit(outcome, 125, "spry: inputs -: cannot be read: ");
  EXPECT_EQ(outcome.output, "[sleep 50]\n[one]\n[two]\n");
}

TEST_F(PoolCommand, OutputsThatCannotBeWrittenAreNamed) {
  expect_exit(pool("a\nb\n", {"--outputs", path("absent")}), 125,
              "outputs " + path("absent") + ": cannot be opened: No such file or directory\n");
  write_file(path("file"), "x");
  expect_exit(pool("a\nb\n", {"--outputs", path("file")}), 125, "file: cannot be opened: Not a directory\n");
  const std::string out = folder("out");
  std::filesystem::create_directory(out + "/2");
  expect_exit(pool("a\nb\nc\n", {"--outputs", out}), 125, "out/2: cannot be opened: Is a directory\n");
  EXPECT_EQ(read_file(out + "/1"), "[a]\n");
  EXPECT_FALSE(std::filesystem::exists(out + "/3"));
  std::filesystem::create_symlink("/dev/full", out + "/1.full");
  const Fd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  expect_exit(run(pool_of({"--inputs", folder("in")}, guest("it-input")), {.output = full.get()}), 0, "0 actions");
  write_file(path("in/a"), "x");
  expect_exit(run(pool_of({"--inputs", path("in")}, guest("it-input")), {.output = full.get()}), 125,
              "spry: output -: cannot be written: No space left on device\n");
}

TEST_F(PoolCommand, AReaderThatLeavesEndsIt) {
  Pipe pipe = make_pipe();
  write_file(path("lines"), std::string(20000, '\n'));
  const Fd lines(open(path("lines").c_str(), O_RDONLY | O_CLOEXEC));
  Process spry(pool_of({}, guest("it-input")), {.input = lines.get(), .output = pipe.write.get()});
  pipe.write.close();
  pipe.read.close();
  expect_signal(spry.finish(), SIGPIPE);
}

TEST_F(PoolCommand, AReaderThatLeavesIsASentenceWhereTheSignalIsIgnored) {
  Pipe pipe = make_pipe();
  pipe.read.close();
  write_file(path("lines"), "one\n");
  const Fd lines(open(path("lines").c_str(), O_RDONLY | O_CLOEXEC));
  const Outcome outcome =
      run(pool_of({}, guest("it-input")),
          {.input = lines.get(), .output = pipe.write.get(), .in_child = [] { signal(SIGPIPE, SIG_IGN); }});
  expect_exit(outcome, 125, "spry: output -: cannot be written: Broken pipe\n");
}

// The pool goes on with another machine.
TEST_F(PoolCommand, AnActionThatPrintsTooMuchIsItsOwnFailure) {
  const std::string in = folder("in");
  write_file(in + "/a", "small");
  write_file(in + "/b", std::string(70 << 20, 'x'));
  write_file(in + "/c", "small");
  const Outcome outcome = run(pool_of({"--inputs", in, "--workers", "1"}, guest("it-input")));
  expect_exit(outcome, 1, "spry: input b: ");
  EXPECT_NE(outcome.diagnostics.find("output: it printed more than the "), std::string::npos) << outcome.diagnostics;
  EXPECT_NE(outcome.diagnostics.find("\n  output            1\n"), std::string::npos) << outcome.diagnostics;
  // The beginning of the too long output is there.
  EXPECT_EQ(outcome.output.size(), std::string_view("[small]\n[small]\n").size() + (64 << 20));
  EXPECT_TRUE(outcome.output.starts_with("[small]\n[xxx") && outcome.output.ends_with("xxx[small]\n"));
}

TEST_F(PoolCommand, ASignalEndsIt) {
  Pipe pipe = make_pipe();
  Process spry(pool_of({}, guest("it-input")), {.input = pipe.read.get()});
  ASSERT_EQ(write(pipe.write.get(), "one\nspin\n", 9), 9);
  ASSERT_TRUE(spry.await_output("[one]\n"));
  spry.signal(SIGTERM);
  expect_signal(spry.finish(), SIGTERM);
}

TEST_F(PoolCommand, WhatCannotRunIsRefusedAsByRun) {
  expect_exit(run(pool_of({}, path("absent"))), 127, "absent: no such file\n");
  write_file(path("text"), "no unikernel");
  expect_exit(run(pool_of({}, path("text"))), 126, "text: not an ELF file\n");
  expect_exit(pool("", {"--memory", "1M"}), 125, "1048576 bytes of memory");
  expect_exit(pool("", {"--block", "disk=/dev/null"}), 125, "names no such device");
}

// What one action writes to a disk would be there for the next.
TEST_F(PoolCommand, WritableDisksAreRefusedUnlessSharedIsSaid) {
  write_file(path("disk"), std::string(1 << 20, '\0'));
  const std::string disk = "disk=" + path("disk");
  expect_exit(pool("", {"--block", disk}, "diskcheck"), 125, "the block device disk serves one action only");
  EXPECT_EQ(read_file(path("disk")), std::string(1 << 20, '\0'));
  const Outcome overlay = pool("\n\n", {"--block", disk + ",overlay"}, "diskcheck");
  expect_exit(overlay, 0, "2 actions in ");
  EXPECT_EQ(read_file(path("disk")), std::string(1 << 20, '\0'));
  // Each action has the whole room of a bounded overlay.
  const Outcome bounded = pool("\n\n\n", {"--block", disk + ",overlay=512K", "--workers", "1"}, "diskcheck");
  expect_exit(bounded, 1, "3 actions in ");
  const std::string full = "diskcheck: write at 524288: error 28\n";
  EXPECT_EQ(complaints(bounded), "spry: input 1: exited with 1\n" + full + "spry: input 2: exited with 1\n" + full +
                                     "spry: input 3: exited with 1\n" + full);
  const Outcome shared = pool("\n\n", {"--block", disk + ",shared", "--workers", "1"}, "diskcheck");
  expect_exit(shared, 0, "2 actions in ");
  EXPECT_EQ(shared.output, overlay.output);
  EXPECT_NE(read_file(path("disk")), std::string(1 << 20, '\0'));
}

TEST_F(PoolCommand, BadOptionsAreRefused) {
  for (const auto& [options, sentence] : std::vector<std::pair<Words, std::string>>{
           {{"--repeat", "0"}, "spry: pool: --repeat: \"0\" is not a number from 1 to 1000000000000\n"},
           {{"--repeat=-1"}, "spry: pool: --repeat: \"-1\" is not a number from 1 to 1000000000000\n"},
           {{"--workers", "0"}, "spry: pool: --workers: \"0\" is not a number from 1 to 1024\n"},
           {{"--workers", "1025"}, "spry: pool: --workers: \"1025\" is not a number from 1 to 1024\n"},
           {{"--max-input", "1X"}, "spry: pool: --max-input: \"1X\" is not a size: digits, then K, M or G if wanted\n"},
           {{"--max-input", "17G"}, "more than 16 GiB\n"},
           {{"--report", "r"}, "spry: pool: unknown option --report (see spry help pool)\n"},
           {{"--input", "-"}, "spry: pool: unknown option --input (see spry help pool)\n"},
           {{"-o", "x"}, "spry: pool: unknown option -o (see spry help pool)\n"},
           {{"--verify"}, "spry: pool: unknown option --verify (see spry help pool)\n"}}) {
    expect_exit(pool("", options), 125, sentence);
  }
  expect_exit(run({command(), "pool"}), 125, "spry: pool: no UNIKERNEL is given (see spry help pool)\n");
  expect_exit(run({command(), "pool", "--inputs"}), 125, "spry: pool: --inputs needs a value (see spry help pool)\n");
}

}  // namespace
}  // namespace spry::test
