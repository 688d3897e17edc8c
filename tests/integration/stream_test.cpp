// Standard streams that are closed, full, abandoned or blocked.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "spry_test.h"

namespace spry::test {
namespace {

constexpr std::size_t kSmall = 16;
constexpr std::size_t kLarge = 10 << 20;  // more than any pipe holds

class Streams : public RunTest {
 protected:
  static std::vector<std::string> printing(std::size_t bytes, const std::vector<std::string>& options = {}) {
    return run_of(options, "it-acts", {"print", std::to_string(bytes)});
  }
};

TEST_F(Streams, LargeOutputArrivesWhole) {
  const Outcome outcome = run(printing(kLarge));
  expect_exit(outcome, 0);
  EXPECT_TRUE(outcome.output == counted(kLarge));
}

TEST_F(Streams, LargeOutputGoesIntoAFile) {
  const Fd file(open(path("output").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  expect_exit(run(printing(kLarge), {.output = file.get()}), 0);
  EXPECT_TRUE(read_file(path("output")) == counted(kLarge));
}

TEST_F(Streams, DiagnosticsAreStandardErrorAndAlsoArriveWhole) {
  const Outcome outcome = run(run_of({}, "it-acts", {"diagnose", "1600"}));
  expect_exit(outcome, 0, counted(1600));
  EXPECT_EQ(outcome.diagnostics, counted(1600));
  EXPECT_EQ(outcome.output, "");
}

TEST_F(Streams, ATerminalShowsOutput) {
  const Terminal terminal = make_terminal(true);
  expect_exit(run(printing(1600), {.output = terminal.slave.get()}), 0);
  std::string shown(1600, '\0');
  // One read of a terminal may give only a part.
  for (std::size_t got = 0; got < shown.size();) {
    const ssize_t more = read(terminal.master.get(), shown.data() + got, shown.size() - got);
    ASSERT_GT(more, 0);
    got += static_cast<std::size_t>(more);
  }
  EXPECT_EQ(shown, counted(1600));
}

TEST_F(Streams, ClosedInputIsNoInput) {
  const Outcome outcome = run(run_of({}, "hello"), {.input = ChildSetup::kClosed});
  expect_exit(outcome, 0);
  EXPECT_EQ(outcome.output, "Hello\n");
  expect_exit(run(run_of({"--input", "-"}, "wordcount"), {.input = ChildSetup::kClosed}), 125,
              "spry: input -: cannot be read: Bad file descriptor\n");
}

TEST_F(Streams, ClosedOutputIsAFailure) {
  for (const std::size_t bytes : {kSmall, kLarge}) {
    expect_exit(run(printing(bytes), {.output = ChildSetup::kClosed}), 125,
                "spry: cannot write output: Bad file descriptor\n");
  }
  expect_exit(run(run_of({}, "it-acts", {"exit", "7"}), {.output = ChildSetup::kClosed}), 7);
}

// A file that got the number of a closed stream does not get the output.
TEST_F(Streams, ClosedOutputIsNotTheReport) {
  expect_exit(run(printing(kSmall, {"--report", path("report")}), {.output = ChildSetup::kClosed}), 125,
              "cannot write output");
  EXPECT_EQ(read_file(path("report")).rfind("{", 0), 0u);
}

TEST_F(Streams, ClosedDiagnosticsLoseOnlyWords) {
  const Outcome crash = run(run_of({}, "it-acts", {"crash"}), {.diagnostics = ChildSetup::kClosed});
  expect_exit(crash, 139);
  EXPECT_EQ(crash.output, "before\n");
  expect_exit(run(run_of({}, "it-acts", {"diagnose", "16"}), {.diagnostics = ChildSetup::kClosed}), 125);
}

TEST_F(Streams, AllClosedStillEnds) {
  const ChildSetup closed = {
      .input = ChildSetup::kClosed, .output = ChildSetup::kClosed, .diagnostics = ChildSetup::kClosed};
  expect_exit(run(printing(kSmall), closed), 125);
  expect_exit(run(run_of({}, "it-acts", {"exit", "3"}), closed), 3);
}

TEST_F(Streams, FullOutputIsAFailure) {
  const Fd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  for (const std::size_t bytes : {kSmall, kLarge}) {
    expect_exit(run(printing(bytes), {.output = full.get()}), 125,
                "spry: cannot write output: No space left on device\n");
  }
}

// When the reader has left, the command dies of SIGPIPE, as shells expect; if SIGPIPE is ignored, it prints a sentence
// instead.
TEST_F(Streams, AReaderThatLeftEndsItBySigpipe) {
  for (const std::size_t bytes : {kSmall, kLarge}) {
    Pipe pipe = make_pipe();
    pipe.read.close();
    expect_signal(run(printing(bytes), {.output = pipe.write.get()}), SIGPIPE);
    expect_exit(run(printing(bytes), {.output = pipe.write.get(), .in_child = [] { signal(SIGPIPE, SIG_IGN); }}), 125,
                "spry: cannot write output: Broken pipe\n");
  }
}

TEST_F(Streams, AReaderThatLeavesInBetween) {
  Pipe pipe = make_pipe();
  Process spry(printing(kLarge), {.output = pipe.write.get()});
  pipe.write.close();
  char some[4096];
  EXPECT_GT(read(pipe.read.get(), some, sizeof some), 0);
  pipe.read.close();
  expect_signal(spry.finish(), SIGPIPE);
}

// The deadline counts for output as well, whatever kind of file does not take the output.
void expect_deadline(int output) {
  Process spry(run_of({"--deadline", "300ms"}, "it-acts", {"print", std::to_string(kLarge)}), {.output = output});
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 124, "deadline of 300ms passed");
  EXPECT_GE(outcome.took.count(), 300);
}

TEST_F(Streams, ABlockedPipeDoesNotHoldUpADeadline) { expect_deadline(make_pipe().write.get()); }

TEST_F(Streams, ABlockedTerminalDoesNotHoldUpADeadline) {
  for (const bool raw : {true, false}) {
    const Terminal terminal = make_terminal(raw);
    expect_deadline(terminal.slave.get());
  }
}

TEST_F(Streams, ABlockedSocketDoesNotHoldUpADeadline) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Fd here(ends[0]);
  const Fd there(ends[1]);
  expect_deadline(there.get());
}

// The last output goes out after the guest has ended, and waits for its reader all the same.
TEST_F(Streams, TheLastOutputWaitsForItsReader) {
  Pipe pipe = make_full_pipe();
  Process spry(run_of({}, "hello"), {.output = pipe.write.get()});
  pipe.write.close();
  usleep(300'000);
  const std::string all = read_to_end(pipe.read);
  expect_exit(spry.finish(), 0);
  EXPECT_TRUE(all.ends_with(".Hello\n"));
}

TEST_F(Streams, TheLastOutputMeetsTheDeadlineAndSignals) {
  const Pipe pipe = make_full_pipe();
  expect_exit(run(run_of({"--deadline", "300ms"}, "hello"), {.output = pipe.write.get()}), 124,
              "deadline of 300ms passed");
  Process spry(run_of({}, "hello"), {.output = pipe.write.get()});
  usleep(300'000);
  spry.signal(SIGTERM);
  expect_signal(spry.finish(), SIGTERM);
}

// The pipe does not block, because someone else who shares it made it so.
TEST_F(Streams, ANonBlockingPipeLosesNothing) {
  Pipe pipe = make_pipe();
  fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  Process spry(printing(1 << 20), {.output = pipe.write.get()});
  pipe.write.close();
  const std::string all = read_to_end(pipe.read, std::chrono::microseconds(50));
  expect_exit(spry.finish(), 0);
  EXPECT_TRUE(all == counted(1 << 20));
}

TEST_F(Streams, ANonBlockingInputIsReadToItsEnd) {
  Pipe pipe = make_pipe();
  fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  Process spry(run_of({"--input", "-"}, "wordcount"), {.input = pipe.read.get()});
  for (int i = 0; i < 3; ++i, usleep(20'000)) ASSERT_EQ(write(pipe.write.get(), "one two\n", 8), 8);
  pipe.write.close();
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 0);
  EXPECT_EQ(outcome.output, " 3  6 24\n");
}

// Each subcommand prints to a pipe that does not block and is full at first: all of it comes out.
TEST_F(Streams, NonBlockingPipesTakeWhatEachSubcommandPrints) {
  const std::vector<std::vector<std::string>> commands = {{"--help"},
                                                          {"--version"},
                                                          {"help", "pool"},
                                                          {"inspect", guest("hello")},
                                                          {"inspect", "--json", guest("hello")},
                                                          {"run", guest("hello")}};
  for (std::vector<std::string> words : commands) {
    SCOPED_TRACE(words.front());
    words.insert(words.begin(), command());
    const std::string wanted = run(words).output;
    ASSERT_NE(wanted, "");
    Pipe pipe = make_full_pipe();
    fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
    Process spry(words, {.output = pipe.write.get()});
    pipe.write.close();
    usleep(50'000);
    const std::string all = read_to_end(pipe.read);
    expect_exit(spry.finish(), 0);
    EXPECT_TRUE(all.ends_with("." + wanted)) << wanted;
  }
}

// Two commands write to one pipe. If one fills it between the other's look and write, the other must not block past its
// deadline.
TEST_F(Streams, TwoWritersOfABlockedPipeBothMeetTheirDeadlines) {
  const Pipe pipe = make_pipe();
  const std::vector<std::string> words = run_of({"--deadline", "300ms"}, "it-acts", {"print", std::to_string(kLarge)});
  Process first(words, {.output = pipe.write.get()});
  Process second(words, {.output = pipe.write.get()});
  expect_exit(first.finish(), 124, "deadline of 300ms passed");
  expect_exit(second.finish(), 124, "deadline of 300ms passed");
}

}  // namespace
}  // namespace spry::test
