// SIGINT and SIGTERM end a run at any moment: output is there, and the process dies by the same signal.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <random>

#include "spry_test.h"

namespace spry::test {
namespace {

class Signals : public RunTest {};

TEST_F(Signals, EndAnEndlessLoop) {
  for (const int number : {SIGINT, SIGTERM}) {
    Process spry(run_of({}, "it-acts", {"say-and-spin"}));
    ASSERT_TRUE(spry.await_output("spinning\n"));
    spry.signal(number);
    const Outcome outcome = spry.finish();
    expect_signal(outcome, number);
    EXPECT_EQ(outcome.output, "spinning\n");
    EXPECT_EQ(outcome.diagnostics, "");
  }
}

TEST_F(Signals, EndALoopWithADeadline) {
  Process spry(run_of({"--deadline", "1m"}, "it-acts", {"say-and-spin"}));
  ASSERT_TRUE(spry.await_output("spinning\n"));
  spry.signal(SIGTERM);
  expect_signal(spry.finish(), SIGTERM);
}

// Nothing tells when the guest has printed, so a signal that comes too early is sent once more, later.
TEST_F(Signals, FlushWhatTheGuestHadNotYetHandedOver) {
  std::string output;
  for (useconds_t wait = 300'000; output.empty() && wait < 60'000'000; wait *= 3) {
    Process spry(run_of({}, "it-acts", {"spin"}));
    usleep(wait);
    spry.signal(SIGINT);
    const Outcome outcome = spry.finish();
    expect_signal(outcome, SIGINT);
    output = outcome.output;
  }
  EXPECT_EQ(output, "spinning\n");
}

TEST_F(Signals, EndASleep) {
  for (const int number : {SIGINT, SIGTERM}) {
    Process spry(run_of({}, "it-acts", {"sleep"}));
    ASSERT_TRUE(spry.await_output("asleep\n"));
    usleep(20000);
    spry.signal(number);
    const Outcome outcome = spry.finish();
    expect_signal(outcome, number);
    EXPECT_EQ(outcome.output, "asleep\n");
  }
}

TEST_F(Signals, EndAWriteThatNobodyReads) {
  const Terminal terminal = make_terminal(false);
  const Pipe pipe = make_pipe();
  for (const int output : {pipe.write.get(), terminal.slave.get()}) {
    Process spry(run_of({}, "it-acts", {"print", "10485760"}), {.output = output});
    usleep(300000);
    spry.signal(SIGTERM);
    expect_signal(spry.finish(), SIGTERM);
  }
}

TEST_F(Signals, EndTheReadingOfAnInputThatDoesNotEnd) {
  const Pipe pipe = make_pipe();
  Process spry(run_of({"--input", "-"}, "wordcount"), {.input = pipe.read.get()});
  usleep(50000);
  spry.signal(SIGINT);
  expect_signal(spry.finish(), SIGINT);
}

// A signal at any moment of a short run: the run ends by the signal or as if there had been none, and its output is
// whole.
TEST_F(Signals, StormOfEarlyOnes) {
  std::mt19937 random(20170508);
  std::uniform_int_distribution<useconds_t> delay(0, 2000);
  const std::string whole = counted(1600);
  int normal = 0;
  for (int i = 0; i < 100; ++i) {
    const int number = i % 2 == 0 ? SIGINT : SIGTERM;
    Process spry(run_of({}, "it-acts", {"print", "1600"}));
    usleep(delay(random));
    spry.signal(number);
    const Outcome outcome = spry.finish();
    EXPECT_TRUE(whole.starts_with(outcome.output)) << outcome.output;
    EXPECT_EQ(outcome.diagnostics, "");
    if (WIFEXITED(outcome.status)) {
      expect_exit(outcome, 0);
      EXPECT_EQ(outcome.output, whole);
      ++normal;
    } else {
      expect_signal(outcome, number);
    }
  }
  RecordProperty("normal", normal);
}

// A signal between the monitor's last look and its wait is not lost. The guest sleeps for ever, so this test would hang
// if it were.
TEST_F(Signals, StormIntoASleep) {
  std::mt19937 random(20131103);
  std::uniform_int_distribution<useconds_t> delay(0, 300);
  for (int i = 0; i < 100; ++i) {
    Process spry(run_of({}, "it-acts", {"sleep"}));
    ASSERT_TRUE(spry.await_output("asleep\n"));
    usleep(delay(random));
    spry.signal(SIGTERM);
    expect_signal(spry.finish(), SIGTERM);
  }
}

TEST_F(Signals, TwoAtOnceEndIt) {
  Process spry(run_of({}, "it-acts", {"say-and-spin"}));
  ASSERT_TRUE(spry.await_output("spinning\n"));
  spry.signal(SIGINT);
  spry.signal(SIGTERM);
  const Outcome outcome = spry.finish();
  EXPECT_FALSE(outcome.timed_out);
  ASSERT_TRUE(WIFSIGNALED(outcome.status));
  EXPECT_TRUE(WTERMSIG(outcome.status) == SIGINT || WTERMSIG(outcome.status) == SIGTERM);
}

// As under nohup, or in the background of a shell without job control.
TEST_F(Signals, InheritedAsIgnoredStayIgnored) {
  Process spry(run_of({"--deadline", "500ms"}, "it-acts", {"say-and-spin"}),
               {.in_child = [] { signal(SIGINT, SIG_IGN); }});
  ASSERT_TRUE(spry.await_output("spinning\n"));
  for (int i = 0; i < 20; ++i) spry.signal(SIGINT);
  expect_exit(spry.finish(), 124, "deadline of 500ms passed");
}

TEST_F(Signals, InheritedAsIgnoredStayIgnoredFromTheBeginning) {
  std::mt19937 random(4);
  std::uniform_int_distribution<useconds_t> pause(0, 100);
  for (int i = 0; i < 20; ++i) {
    Process spry(run_of({}, "hello"), {.in_child = [] { signal(SIGINT, SIG_IGN); }});
    for (int j = 0; j < 50; ++j) {
      usleep(pause(random));
      spry.signal(SIGINT);
    }
    const Outcome outcome = spry.finish();
    expect_exit(outcome, 0);
    EXPECT_EQ(outcome.output, "Hello\n");
  }
}

TEST_F(Signals, StoppingAndContinuingIsHarmless) {
  for (const std::string verb : {"say-and-spin", "sleep"}) {
    Process spry(run_of({"--deadline", "1500ms"}, "it-acts", {verb}));
    ASSERT_TRUE(spry.await_output("\n"));
    for (int i = 0; i < 5; ++i) {
      spry.signal(SIGSTOP);
      usleep(10000);
      spry.signal(SIGCONT);
      usleep(10000);
    }
    expect_exit(spry.finish(), 124, "deadline of 1500ms passed");
  }
  Process spry(run_of({}, "it-acts", {"print", "10485760"}));
  for (int i = 0; i < 10; ++i) {
    spry.signal(SIGSTOP);
    usleep(1000);
    spry.signal(SIGCONT);
    usleep(1000);
  }
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 0);
  EXPECT_TRUE(outcome.output == counted(10 << 20));
}

// The signals that a process blocks (proc(5)).
std::uint64_t blocked_by(pid_t process) {
  const std::string status = read_file("/proc/" + std::to_string(process) + "/status");
  const std::string field = "SigBlk:\t";
  return std::stoull(status.substr(status.find(field) + field.size(), 16), nullptr, 16);
}

// The signal that a deadline uses comes from outside: that does not end the run, and the guest goes on.
TEST_F(Signals, TheDeadlinesOwnFromOutsideIsNoDeadline) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "it is about KVM_RUN, and there is no /dev/kvm";
  Process spry(run_of({"--deadline", "20s"}, "it-acts", {"print", "20971520"}));
  ASSERT_TRUE(spry.await_output("\n"));
  // Inside KVM_RUN the signal is not blocked; soon the pipe is full, and spry waits outside.
  std::uint64_t blocked = 0;
  for (int i = 0; blocked == 0 && i < 10000; ++i) {
    blocked = blocked_by(spry.id());
    usleep(1000);
  }
  ASSERT_NE(blocked, 0u);
  spry.signal(1 + __builtin_ctzll(blocked));
  const Outcome outcome = spry.finish();
  expect_exit(outcome, 0);
  EXPECT_EQ(outcome.output.size(), 20971520u);
}

}  // namespace
}  // namespace spry::test
