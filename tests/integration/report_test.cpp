// The receipt that --report writes.
#include <fcntl.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "spry_test.h"

namespace spry::test {
namespace {

using Json = nlohmann::json;

class Report : public RunTest {
 protected:
  Json report() const { return Json::parse(read_file(path("report")), nullptr, false); }
  std::vector<std::string> options(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--report", path("report")});
    return more;
  }
  // Checks what holds for every report, whatever ended the run.
  static void expect_sane(const Json& json) {
    ASSERT_TRUE(json.is_object());
    std::uint64_t calls = 0;
    for (const std::string call : {"exit", "abort", "ready", "poll", "clock", "device", "unknown"}) {
      ASSERT_TRUE(json["exits"][call].is_number_unsigned()) << call;
      calls += json["exits"][call].get<std::uint64_t>();
    }
    EXPECT_GE(json["exits"]["total"].get<std::uint64_t>(), calls);
    const std::uint64_t touched = json["memory"]["touched"];
    EXPECT_GT(touched, 0u);
    EXPECT_EQ(touched % 4096, 0u);
    EXPECT_LE(touched, json["memory"]["reserved"].get<std::uint64_t>());
    for (const std::string phase : {"open", "load", "create", "run"}) {
      const double took = json["microseconds"][phase];
      EXPECT_GT(took, 0.0) << phase;
      EXPECT_LT(took, 60e6) << phase;
    }
  }
};

TEST_F(Report, HelloMakesExactlyOneExit) {
  expect_exit(run(run_of(options(), "hello")), 0);
  const Json json = report();
  expect_sane(json);
  EXPECT_EQ(json["status"], 0);
  EXPECT_EQ(json["reason"], "exit");
  EXPECT_EQ(json["message"], "");
  EXPECT_EQ(json["exits"]["total"], 1);
  EXPECT_EQ(json["exits"]["exit"], 1);
  EXPECT_EQ(json["bytes"]["in"], 0);
  EXPECT_EQ(json["bytes"]["out"], 6);
  EXPECT_EQ(json["memory"]["reserved"], 16 << 20);
  EXPECT_LT(json["memory"]["touched"].get<std::uint64_t>(), 256u << 10);
}

TEST_F(Report, TouchedIsWhatTheGuestTouches) {
  expect_exit(run(run_of(options({"--memory", "1G"}), "it-acts", {"touch", "33554432"})), 0);
  const Json json = report();
  expect_sane(json);
  EXPECT_EQ(json["memory"]["reserved"], 1 << 30);
  EXPECT_GE(json["memory"]["touched"].get<std::uint64_t>(), 32u << 20);
  EXPECT_LT(json["memory"]["touched"].get<std::uint64_t>(), 34u << 20);
}

TEST_F(Report, BytesInAndOutAreCounted) {
  write_file(path("input"), std::string(12345, 'x'));
  const Outcome outcome = run(run_of(options({"--input", path("input")}), "wordcount"));
  expect_exit(outcome, 0);
  EXPECT_EQ(report()["bytes"]["in"], 12345);
  EXPECT_EQ(report()["bytes"]["out"], outcome.output.size());
  expect_exit(run(run_of(options(), "it-acts", {"print", "1048576"})), 0);
  EXPECT_EQ(report()["bytes"]["out"], 1048576);
  EXPECT_LT(report()["exits"]["total"].get<int>(), 1048576 / 1024);
}

TEST_F(Report, ClocksNeedNoExit) {
  expect_exit(run(run_of(options(), "it-clocks")), 0);
  EXPECT_EQ(report()["exits"]["clock"], 0);
  EXPECT_EQ(report()["exits"]["total"], 1);
}

TEST_F(Report, TellsAGuestsOwn124FromADeadline) {
  expect_exit(run(run_of(options(), "it-acts", {"exit", "124"})), 124);
  EXPECT_EQ(report()["status"], 124);
  EXPECT_EQ(report()["reason"], "exit");
  expect_exit(run(run_of(options({"--deadline", "500ms"}), "it-acts", {"spin"})), 124, "deadline");
  const Json json = report();
  expect_sane(json);
  EXPECT_TRUE(json["status"].is_null());
  EXPECT_EQ(json["reason"], "deadline");
  EXPECT_EQ(json["bytes"]["out"], 9);
  EXPECT_GE(json["microseconds"]["run"].get<double>(), 500e3);
}

TEST_F(Report, HasAllBitsOfAStatus) {
  expect_exit(run(run_of(options(), "it-acts", {"exit", "65579"})), 43);
  EXPECT_EQ(report()["status"], 65579);
}

TEST_F(Report, TellsOfAnAbort) {
  expect_exit(run(run_of(options(), "it-acts", {"abort", "a \"quoted\"\x01 reason"})), 134, "aborted");
  const Json json = report();
  expect_sane(json);
  EXPECT_TRUE(json["status"].is_null());
  EXPECT_EQ(json["reason"], "abort");
  EXPECT_EQ(json["message"], "a \"quoted\"\\x01 reason");
  EXPECT_EQ(json["exits"]["abort"], 1);
}

TEST_F(Report, TellsOfAFault) {
  expect_exit(run(run_of(options(), "it-acts", {"crash"})), 139, "null pointer write");
  const Json json = report();
  expect_sane(json);
  EXPECT_EQ(json["reason"], "fault");
  EXPECT_EQ(json["message"], "null pointer write at 0x0");
}

TEST_F(Report, TellsOfASignal) {
  Process spry(run_of(options(), "it-acts", {"sleep"}));
  ASSERT_TRUE(spry.await_output("asleep\n"));
  spry.signal(SIGTERM);
  expect_signal(spry.finish(), SIGTERM);
  const Json json = report();
  expect_sane(json);
  EXPECT_EQ(json["reason"], "interrupted");
}

TEST_F(Report, TellsOfAFailureOfTheMonitor) {
  expect_exit(run({command(), "run", "--report", path("report"), path("absent")}), 127, "no such file");
  EXPECT_EQ(report()["reason"], "error");
  EXPECT_EQ(report()["message"], path("absent") + ": no such file");
}

TEST_F(Report, ReplacesALongerOne) {
  write_file(path("report"), std::string(10000, 'x'));
  expect_exit(run(run_of(options(), "hello")), 0);
  expect_sane(report());
}

TEST_F(Report, ThatCannotBeOpenedCostsNoRun) {
  const Outcome outcome = run(run_of({"--report", path("absent/report")}, "hello"));
  expect_exit(outcome, 125, "absent/report: cannot be opened: No such file or directory\n");
  EXPECT_EQ(outcome.output, "");
}

TEST_F(Report, ThatCannotBeWrittenIsAFailure) {
  const Outcome outcome = run(run_of({"--report", "/dev/full"}, "hello"));
  expect_exit(outcome, 125, "report /dev/full: cannot be written: No space left on device\n");
  EXPECT_EQ(outcome.output, "Hello\n");
}

}  // namespace
}  // namespace spry::test
