#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/report.h"

namespace spry {
namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

Outcome outcome() {
  Outcome outcome;
  outcome.reason = Reason::kExit;
  outcome.status = -7;
  Receipt& receipt = outcome.receipt;
  receipt.exits = 21;
  receipt.hypercalls = {1, 2, 3, 4, 5, 6, 7};
  receipt.bytes_in = 10;
  receipt.bytes_out = 11;
  receipt.memory_reserved = 16 << 20;
  receipt.platform = Platform::kProcess;
  receipt.memory_touched = 40960;
  receipt.create = nanoseconds(1500);
  receipt.run = nanoseconds(2'000'000);
  return outcome;
}

TEST(Report, HasEveryNumber) {
  const json report = json::parse(format_report(outcome(), {nanoseconds(250), nanoseconds(3000)}));
  EXPECT_EQ(report, json::parse(R"({
    "status": -7, "reason": "exit", "message": "", "crash": null, "platform": "process",
    "exits": {"total": 21, "unknown": 1, "exit": 2, "abort": 3, "ready": 4, "poll": 5, "clock": 6, "device": 7},
    "bytes": {"in": 10, "out": 11},
    "memory": {"reserved": 16777216, "touched": 40960},
    "microseconds": {"open": 0.25, "load": 3.0, "create": 1.5, "run": 2000.0}})"));
}

TEST(Report, HasAStatusOnlyIfTheGuestGaveOne) {
  for (const Reason reason : {Reason::kAbort, Reason::kFault, Reason::kDeadline, Reason::kInterrupted}) {
    Outcome ended = outcome();
    ended.reason = reason;
    ended.message = "words";
    const json report = json::parse(format_report(ended, {}));
    EXPECT_TRUE(report["status"].is_null());
    EXPECT_EQ(report["reason"], std::string(to_string(reason)));
    EXPECT_EQ(report["message"], "words");
  }
}

TEST(Report, HasTheCrashAsNumbers) {
  Outcome ended = outcome();
  ended.reason = Reason::kFault;
  ended.crash_data = Crash{FaultKind::kWrite, 8, {.rax = 1, .r15 = 15, .rip = 0x1234}, {{0x1234, "f()+0x1"}, {5, ""}}};
  json crash = json::parse(format_report(ended, {}))["crash"];
  EXPECT_EQ(crash["kind"], "write");
  EXPECT_EQ(crash["address"], 8);
  EXPECT_EQ(crash["registers"].size(), 18u);
  EXPECT_EQ(crash["registers"]["rip"], 0x1234);
  EXPECT_EQ(crash["registers"]["r15"], 15);
  EXPECT_EQ(crash["frames"],
            json::parse(R"([{"address": 4660, "function": "f()+0x1"}, {"address": 5, "function": ""}])"));
  ended.crash_data->address.reset();
  crash = json::parse(format_report(ended, {}))["crash"];
  EXPECT_FALSE(crash.contains("address"));
}

std::string format_line(const std::string& name, const Result<Outcome>& outcome, bool with_output) {
  std::string line;
  EXPECT_TRUE(write_line(name, outcome, with_output, [&line](std::string_view piece) {
    line += piece;
    return true;
  }));
  return line;
}

TEST(Report, OfAPoolIsALineForEachAction) {
  Outcome ended = outcome();
  ended.output = "out\n\xff";
  ended.diagnostics = "said";
  const std::string text = format_line("a\nb", ended, true);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const json line = json::parse(text);
  EXPECT_EQ(line, json::parse(R"({"input": "a\nb", "reason": "exit", "status": -7, "message": "", "crash": null,
                                  "output": "out\n\ufffd", "diagnostics": "said",
                                  "microseconds": {"reset": 0.0, "run": 2000.0}})"));
  EXPECT_FALSE(json::parse(format_line("a", ended, false)).contains("output"));
  const json failed = json::parse(format_line("a", fail(ErrorCode::kTooLarge, "a: too long"), true));
  EXPECT_EQ(failed, json::parse(R"({"input": "a", "reason": "error", "status": null, "message": "a: too long"})"));
}

TEST(Report, SurvivesAHostileMessage) {
  Outcome ended = outcome();
  ended.message = "\xff\"\\\n\xc0\xaf" + std::string(1, '\0');
  const json report = json::parse(format_report(ended, {}));
  EXPECT_EQ(report["message"], "\xef\xbf\xbd\"\\\n\xef\xbf\xbd\xef\xbf\xbd" + std::string(1, '\0'));
}

TEST(Report, TellsOfAFailureWithTheSameKeys) {
  const json report = json::parse(format_report(Error{ErrorCode::kNotUnikernel, "a: is no ELF file"}, {}));
  EXPECT_EQ(report["reason"], "error");
  EXPECT_EQ(report["message"], "a: is no ELF file");
  EXPECT_TRUE(report["status"].is_null());
  const json good = json::parse(format_report(outcome(), {}));
  for (const auto& [key, value] : good.items()) EXPECT_TRUE(report.contains(key)) << key;
}

}  // namespace
}  // namespace spry
