// The table of exit codes (README, "The command"), each with its sentence.
#include <csignal>

#include "spry_test.h"

namespace spry::test {
namespace {

class ExitCode : public RunTest {};

TEST_F(ExitCode, TheGuestsOwnIsPassedOn) {
  for (const int status : {0, 1, 42, 124, 125, 139, 255}) {
    expect_exit(run(run_of({}, "it-acts", {"exit", std::to_string(status)})), status);
  }
}

TEST_F(ExitCode, OfTheGuestsOwnTheLowBitsCount) {
  expect_exit(run(run_of({}, "it-acts", {"exit", "256"})), 0);
  expect_exit(run(run_of({}, "it-acts", {"exit", "65579"})), 43);
  expect_exit(run(run_of({}, "it-acts", {"exit", "4294967295"})), 255);
}

TEST_F(ExitCode, DeadlineIs124AndWhatWasPrintedIsThere) {
  const Outcome outcome = run(run_of({"--deadline", "500ms"}, "it-acts", {"spin"}));
  expect_exit(outcome, 124, "it-acts: deadline of 500ms passed\n");
  EXPECT_EQ(outcome.output, "spinning\n");
  EXPECT_GE(outcome.took.count(), 500);
}

TEST_F(ExitCode, DeadlineEndsASleep) {
  const Outcome outcome = run(run_of({"--deadline", "0.1s"}, "it-acts", {"sleep"}));
  expect_exit(outcome, 124, "it-acts: deadline of 0.1s passed\n");
  EXPECT_EQ(outcome.output, "asleep\n");
}

TEST_F(ExitCode, AnEarlyDeadlineIsADeadline) {
  const Outcome outcome = run(run_of({"--deadline", "1ns"}, "it-acts", {"spin"}));
  expect_exit(outcome, 124, "deadline of 1ns passed");
}

TEST_F(ExitCode, ADeadlineThatIsNotReachedChangesNothing) {
  const Outcome outcome = run(run_of({"--deadline", "1m"}, "hello"));
  expect_exit(outcome, 0);
  EXPECT_EQ(outcome.output, "Hello\n");
}

TEST_F(ExitCode, AbortIs134WithItsMessageAndBacktrace) {
  const Outcome outcome = run(run_of({}, "it-acts", {"abort", "no more bytes"}));
  expect_exit(outcome, 134, "it-acts: aborted: no more bytes\n");
  EXPECT_NE(outcome.diagnostics.find("spry_main"), std::string::npos) << outcome.diagnostics;
  EXPECT_EQ(outcome.output, "before\n");
}

TEST_F(ExitCode, AnAbortsMessageCannotDriveATerminal) {
  const Outcome outcome = run(run_of({}, "it-acts", {"abort", "\x1b[2J\rfine"}));
  expect_exit(outcome, 134, "aborted: \\x1b[2J\\x0dfine\n");
  EXPECT_EQ(outcome.diagnostics.find('\x1b'), std::string::npos);
}

TEST_F(ExitCode, FaultIs139WithWordsAndBacktrace) {
  const Outcome outcome = run(run_of({}, "it-acts", {"crash"}));
  expect_exit(outcome, 139, "it-acts: null pointer write at 0x0\n");
  EXPECT_NE(outcome.diagnostics.find("spry_main"), std::string::npos) << outcome.diagnostics;
  EXPECT_NE(outcome.diagnostics.find("  rip 0000"), std::string::npos) << outcome.diagnostics;
  EXPECT_EQ(outcome.output, "before\n");
}

// None of these needs a machine.
class Refusal : public CommandTest {};

TEST_F(Refusal, NoSuchFileIs127) {
  expect_exit(run({command(), "run", path("absent")}), 127, "absent: no such file\n");
  expect_exit(run({command(), "inspect", path("absent")}), 127, "absent: no such file\n");
}

TEST_F(Refusal, WhatIsNoUnikernelIs126) {
  write_file(path("empty"), "");
  write_file(path("text"), "not an ELF file, but long enough to hold a header if it were one, which it is not\n");
  for (const std::string& file : {path("empty"), path("text"), path(""), command(), std::string("/dev/null")}) {
    expect_exit(run({command(), "run", file}), 126, "spry: ");
    expect_exit(run({command(), "inspect", file}), 126, "spry: ");
  }
}

TEST_F(Refusal, BadUsageIs125) {
  const std::string hello = guest("hello");
  expect_exit(run({command()}), 125, "no command is given (see spry --help)\n");
  expect_exit(run({command(), "walk"}), 125, "unknown command \"walk\" (see spry --help)\n");
  expect_exit(run({command(), "--walk"}), 125, "unknown option \"--walk\" (see spry --help)\n");
  expect_exit(run({command(), "run"}), 125, "no UNIKERNEL is given (see spry help run)\n");
  expect_exit(run({command(), "run", "--fast", hello}), 125, "unknown option --fast (see spry help run)\n");
  expect_exit(run({command(), "run", "--mem", "16M", hello}), 125, "unknown option --mem (see spry help run)\n");
  expect_exit(run({command(), "run", "--memory"}), 125, "--memory needs a value (see spry help run)\n");
  expect_exit(run({command(), "help", "walk"}), 125, "no command \"walk\"");
}

TEST_F(Refusal, SizesAreStrict) {
  for (const std::string size : {"8foo", "", "M", "-16M", "+16M", " 16M", "16M ", "16 M", "1.5M", "0x100000", "16m",
                                 "16MB", "99999999999999999999", "17179869184G"}) {
    const Outcome outcome = run({command(), "run", "--memory", size, guest("hello")});
    expect_exit(outcome, 125, "spry: run: --memory: ");
    EXPECT_EQ(outcome.output, "");
  }
}

TEST_F(Refusal, MemoryHasItsRange) {
  for (const std::string size : {"0", "1M", "33G", "2097153", "16777217"}) {
    expect_exit(run(run_of({"--memory", size}, "hello")), 125, "a machine has a multiple of 4096 from 2 MiB to 32 GiB");
  }
}

TEST_F(Refusal, DurationsAreStrict) {
  for (const std::string duration :
       {"8foo", "", "1", "s", "-1s", "1 s", "1.s", ".5s", "1h", "0s", "0.5ns", "300000000000s", "1e3s"}) {
    const Outcome outcome = run({command(), "run", "--deadline", duration, guest("hello")});
    expect_exit(outcome, 125, "spry: run: --deadline: ");
    EXPECT_EQ(outcome.output, "");
  }
}

TEST_F(ExitCode, MemoryMayBeAllOfItsRange) {
  for (const std::string size : {"2M", "2101248", "16384K", "1GiB", "32G"}) {
    const Outcome outcome = run(run_of({"--memory", size}, "hello"));
    expect_exit(outcome, 0);
    EXPECT_EQ(outcome.output, "Hello\n");
  }
}

TEST_F(ExitCode, AManifestsMemoryIsAMinimum) {
  EXPECT_EQ(run(run_of({}, "it-memory")).output, "24\n");
  EXPECT_EQ(run(run_of({"--memory", "24M"}, "it-memory")).output, "24\n");
  EXPECT_EQ(run(run_of({"--memory", "64M"}, "it-memory")).output, "64\n");
  const Outcome less = run(run_of({"--memory", "23M"}, "it-memory"));
  expect_exit(less, 126, "its manifest asks for at least 24576 KiB of memory, and the machine has 23552 KiB\n");
  EXPECT_EQ(less.output, "");
}

TEST_F(ExitCode, MemoryGrowsToWhatWasPromisedAndNotFurther) {
  expect_exit(run(run_of({"--memory", "64M"}, "it-acts", {"touch", "65011712"})), 0);
  expect_exit(run(run_of({"--memory", "64M"}, "it-acts", {"touch", "67108864"})), 139, "write of unmapped memory at");
}

}  // namespace
}  // namespace spry::test
