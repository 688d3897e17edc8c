#include "tool/options.h"

namespace spry::bench {
namespace {

Result<Options> parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "spry-bench");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return parse_options(static_cast<int>(arguments.size()), argv.data());
}

std::string error_of(std::vector<std::string> arguments) {
  const Result<Options> options = parse(std::move(arguments));
  return options ? "no error" : options.error().message;
}

TEST(BenchOptions, DefaultsAreTheFullMeasurement) {
  const Result<Options> options = parse({"measure", "out.json"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->verb, Verb::kMeasure);
  EXPECT_EQ(options->results, "out.json");
  EXPECT_EQ(options->latency.rounds, 200u);
  EXPECT_EQ(options->load.in_flight, 64u);
  EXPECT_EQ(options->load.pattern, Pattern::kPoisson);
  EXPECT_TRUE(options->part("growth"));
  EXPECT_TRUE(options->wanted("echo"));
}

TEST(BenchOptions, QuickIsShorterWhereverItStands) {
  const Result<Options> options = parse({"measure", "--rounds", "40", "out.json", "--quick"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_TRUE(options->quick);
  EXPECT_EQ(options->latency.rounds, 40u);
  EXPECT_EQ(options->load.duration, std::chrono::milliseconds(700));
}

TEST(BenchOptions, TakesValues) {
  const Result<Options> options =
      parse({"measure", "--gap=2.5", "--pattern=constant", "--duration=0.5", "--in-flight=128", "--hourly=0.1",
             "--per-action=1e-6", "--parts=latency,growth", "--only=echo,spry", "--seed=9", "out.json"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->latency.gap, std::chrono::microseconds(2500));
  EXPECT_EQ(options->load.pattern, Pattern::kConstant);
  EXPECT_EQ(options->load.duration, std::chrono::milliseconds(500));
  EXPECT_EQ(options->load.in_flight, 128u);
  EXPECT_EQ(options->load.seed, 9u);
  EXPECT_DOUBLE_EQ(options->prices.hourly, 0.1);
  EXPECT_DOUBLE_EQ(options->prices.per_action, 1e-6);
  EXPECT_FALSE(options->part("fetch"));
  EXPECT_TRUE(options->wanted("spry"));
  EXPECT_FALSE(options->wanted("runc"));
}

TEST(BenchOptions, OtherCommands) {
  EXPECT_EQ(parse({"table", "r.json"})->verb, Verb::kTable);
  EXPECT_EQ(parse({"draw", "r.json", "figures"})->target, "figures");
  EXPECT_EQ(parse({"publish", "r.json", "sets"})->verb, Verb::kPublish);
  EXPECT_EQ(parse({"document", "sets", "page.md"})->verb, Verb::kDocument);
  EXPECT_EQ(parse({"help"})->verb, Verb::kHelp);
  EXPECT_EQ(parse({})->verb, Verb::kHelp);
}

TEST(BenchOptions, RefusesEverythingElse) {
  EXPECT_EQ(error_of({"dance"}), "unknown command dance");
  EXPECT_EQ(error_of({"measure"}), "needs RESULTS");
  EXPECT_EQ(error_of({"draw", "r.json"}), "needs RESULTS and FOLDER");
  EXPECT_EQ(error_of({"document", "sets"}), "needs FOLDER and PAGE");
  EXPECT_EQ(error_of({"table", "--quick", "r.json"}), "only measure takes options");
  EXPECT_EQ(error_of({"measure", "--rounds", "29", "r"}), "--rounds: \"29\" is not a number from 30 to 1000000");
  EXPECT_EQ(error_of({"measure", "--in-flight", "63", "r"}), "--in-flight: \"63\" is not a number from 64 to 1000000");
  EXPECT_EQ(error_of({"measure", "--gap", "1ms", "r"}), "--gap: \"1ms\" is not a number from 0 to 1000000");
  EXPECT_EQ(error_of({"measure", "--pattern", "sine", "r"}), "--pattern: \"sine\" is neither poisson nor constant");
  EXPECT_EQ(error_of({"measure", "--parts", "latency,", "r"}),
            "--parts: \"\" is none of latency, fetch, throughput, growth, block");
  EXPECT_NE(error_of({"measure", "--frobnicate", "r"}).find("unknown option"), std::string::npos);
  EXPECT_NE(error_of({"measure", "r", "--seed"}).find("needs a value"), std::string::npos);
}

}  // namespace
}  // namespace spry::bench
