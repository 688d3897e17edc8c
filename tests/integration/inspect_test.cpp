// `spry inspect`: the same facts as text and as JSON.
#include <nlohmann/json.hpp>

#include "spry_test.h"

namespace spry::test {
namespace {

using Json = nlohmann::json;

class Inspect : public CommandTest {
 protected:
  static Json inspect(const std::string& name) {
    const Outcome outcome = run({command(), "inspect", "--json", guest(name)});
    expect_exit(outcome, 0);
    return Json::parse(outcome.output, nullptr, false);
  }
};

TEST_F(Inspect, JsonTellsWhatHelloIs) {
  const Json json = inspect("hello");
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["path"], guest("hello"));
  EXPECT_EQ(json["abi_version"], 1);
  EXPECT_EQ(json["type"], "static-pie");
  EXPECT_EQ(json["memory_needed"], 16 << 20);
  EXPECT_EQ(json["manifest"]["memory"], 0);
  EXPECT_EQ(json["manifest"]["features"], Json::array());
  ASSERT_EQ(json["manifest"]["devices"].size(), 1u);
  EXPECT_EQ(json["manifest"]["devices"][0], (Json{{"handle", 0}, {"kind", "console"}, {"name", "console"}}));
}

TEST_F(Inspect, SegmentsLieInOrderAndTheEntryIsCode) {
  const Json json = inspect("it-acts");
  const std::uint64_t entry = json["entry"];
  std::uint64_t end = json["extent"]["start"];
  bool entry_is_code = false;
  for (const Json& segment : json["segments"]) {
    const std::uint64_t start = segment["address"];
    EXPECT_GE(start, end);
    end = start + segment["memory_size"].get<std::uint64_t>();
    EXPECT_LE(segment["file_size"].get<std::uint64_t>(), segment["memory_size"].get<std::uint64_t>());
    const std::string permissions = segment["permissions"];
    EXPECT_NE(permissions, "rwx");
    entry_is_code = entry_is_code || (permissions == "r-x" && entry >= start && entry < end);
  }
  EXPECT_GE(json["segments"].size(), 3u);
  EXPECT_TRUE(entry_is_code);
  EXPECT_LE(end, json["extent"]["end"].get<std::uint64_t>());
}

TEST_F(Inspect, ManifestShows) {
  EXPECT_EQ(inspect("it-memory")["manifest"]["memory"], 24 << 20);
  EXPECT_EQ(inspect("it-memory")["memory_needed"], 24 << 20);
  EXPECT_EQ(inspect("it-clocks")["manifest"]["features"], Json::array({"clock"}));
}

TEST_F(Inspect, TextTellsTheSame) {
  const Outcome outcome = run({command(), "inspect", guest("it-memory")});
  expect_exit(outcome, 0);
  for (const std::string line : {"\n  ABI version  1\n", "\n  type         static PIE\n", "\n  entry        0x10",
                                 "\n  memory       24M (asks for 24M)\n", "\n  stack        default\n",
                                 "\n     0  console  console\n", "\n    r-x  0x00"}) {
    EXPECT_NE(outcome.output.find(line), std::string::npos) << line << " is not in\n" << outcome.output;
  }
  EXPECT_EQ(outcome.output.rfind(guest("it-memory") + "\n", 0), 0u);
}

TEST_F(Inspect, TellsWhatBelongsToASnapshot) {
  const std::string file = testing::TempDir() + "spry-inspected";
  expect_exit(run({command(), "snapshot", "-o", file, "--memory=24M", guest("it-input"), "one", "two\nlines"}), 0);
  const Outcome json_outcome = run({command(), "inspect", "--json", file});
  expect_exit(json_outcome, 0);
  const Json json = Json::parse(json_outcome.output, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["path"], file);
  EXPECT_EQ(json["type"], "snapshot");
  EXPECT_EQ(json["memory"], 24 << 20);
  EXPECT_GT(json["contents_size"], 0);
  EXPECT_EQ(json["arguments"], (Json{guest("it-input"), "one", "two\nlines"}));
  EXPECT_EQ(json["manifest"]["devices"][0]["kind"], "console");
  const Outcome text = run({command(), "inspect", file});
  expect_exit(text, 0);
  for (const std::string line : {"\n  type         snapshot\n", "\n  memory       24M\n", "\n  contents     ",
                                 "\n     0  console  console\n", "\n    one\n    two\\x0alines\n"}) {
    EXPECT_NE(text.output.find(line), std::string::npos) << line << " is not in\n" << text.output;
  }
  unlink(file.c_str());
}

TEST_F(Inspect, BadUsageIsRefused) {
  expect_exit(run({command(), "inspect"}), 125, "inspect: one UNIKERNEL is needed (see spry help inspect)\n");
  expect_exit(run({command(), "inspect", "a", "b"}), 125, "inspect: one UNIKERNEL is needed");
  expect_exit(run({command(), "inspect", "--yaml", "a"}), 125, "inspect: unknown option --yaml");
}

}  // namespace
}  // namespace spry::test
