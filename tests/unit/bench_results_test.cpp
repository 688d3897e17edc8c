#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "tool/clock.h"
#include "tool/containers.h"
#include "tool/results.h"

namespace spry::bench {
namespace {

TEST(Results, SurviveBeingWritten) {
  const Result<Folder> folder = Folder::make();
  ASSERT_TRUE(folder);
  LatencySamples samples{"echo", {1.234, 1000, 0.5}, {2, 3, 4}, {{10, 5.5}, {20, 6}, {30, 7}}, {}};
  Json results = {{"format", kFormat},
                  {"note", "a [1, 2] in words"},
                  {"samples", Json::array({to_json(samples)})},
                  {"none", Json::array()}};
  ASSERT_TRUE(write_results(*folder / "r.json", results));
  const Result<Json> read = read_results(*folder / "r.json");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, results);
  EXPECT_EQ((*read)["samples"][0]["hello_us"], Json({1.23, 1000.0, 0.5}));
  EXPECT_EQ((*read)["samples"][0]["page_faults"], Json({10.0, 20.0, 30.0}));
  EXPECT_EQ((*read)["samples"][0]["processor_us"], Json({5.5, 6.0, 7.0}));
}

TEST(Folder, IsGoneWithItsOwner) {
  std::filesystem::path path;
  {
    const Result<Folder> folder = Folder::make();
    ASSERT_TRUE(folder);
    path = folder->path();
    ASSERT_TRUE(write_file(*folder / "file", "text"));
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Folder, IsGoneWhenItsOwnerIsKilled) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Result<Folder> folder = Folder::make();
    const std::string path = folder ? folder->path().string() : std::string("none");
    static_cast<void>(!write(ends[1], path.data(), path.size()));
    raise(SIGKILL);
  }
  std::array<char, 256> text = {};
  const ssize_t count = read(ends[0], text.data(), text.size());
  close(ends[0]);
  close(ends[1]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  ASSERT_GT(count, 0);
  const std::filesystem::path path(std::string(text.data(), static_cast<std::size_t>(count)));
  ASSERT_NE(path, "none");
  // Another process removes the file, as soon as it notices.
  constexpr int kPatience = 1000;
  constexpr Nanoseconds kPause = std::chrono::milliseconds(10);
  for (int i = 0; i < kPatience && std::filesystem::exists(path); ++i) sleep_until(Clock::now() + kPause);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Results, AreOneLineForAListOfNumbers) {
  const Result<Folder> folder = Folder::make();
  ASSERT_TRUE(folder);
  ASSERT_TRUE(write_results(*folder / "r.json", {{"format", kFormat}, {"list", {1, 2, 3}}}));
  EXPECT_EQ(read_file(*folder / "r.json").value(), "{\n \"format\": 1,\n \"list\": [1,2,3]\n}\n");
}

TEST(Results, OfAnotherFormatAreRefused) {
  for (const char* const text : {"", "[]", "{}", "{\"format\": 2}", "{\"format\": 1", "12"}) {
    EXPECT_FALSE(parse_results(text)) << text;
  }
  EXPECT_TRUE(parse_results("{\"format\": 1}"));
}

TEST(Results, OfALoadKeepPercentiles) {
  LoadResult load;
  load.offered = 10;
  load.due = load.ended = 3;
  load.hello = {1, 2, 3};
  const Json json = to_json(load);
  EXPECT_EQ(json["hello_us_percentiles"].size(), 101u);
  EXPECT_EQ(json["hello_us_percentiles"][50], 2);
  EXPECT_EQ(json["lag_us_percentiles"], Json::array());
  EXPECT_EQ(json["sustained"], true);
}

TEST(MicroResults, AreMediansIfThereAreAny) {
  const Result<Json> results = micro_results(R"({"benchmarks": [
    {"run_name": "load/iterations:5", "run_type": "iteration", "real_time": 5, "time_unit": "us"},
    {"run_name": "load", "run_type": "aggregate", "aggregate_name": "mean", "real_time": 7, "time_unit": "us"},
    {"run_name": "load/iterations:5", "run_type": "aggregate", "aggregate_name": "median", "real_time": 6, "time_unit": "us"}]})");
  ASSERT_TRUE(results);
  EXPECT_EQ(*results, Json({{"load", 6000.0}}));
}

TEST(MicroResults, LeaveFailuresOut) {
  const Result<Json> results = micro_results(R"({"benchmarks": [
    {"name": "good", "run_type": "iteration", "real_time": 5, "time_unit": "ns"},
    {"name": "bad", "run_type": "iteration", "error_occurred": true, "real_time": 0, "time_unit": "ns"}]})");
  ASSERT_TRUE(results);
  EXPECT_EQ(*results, Json({{"good", 5.0}}));
  EXPECT_FALSE(micro_results("nonsense"));
}

TEST(ContainerConfiguration, RunsHelloWithoutATerminal) {
  const Result<std::string> text = container_configuration(R"({"process": {"terminal": true, "args": ["sh"]}})");
  ASSERT_TRUE(text);
  const Json json = Json::parse(*text);
  EXPECT_EQ(json["process"]["terminal"], false);
  EXPECT_EQ(json["process"]["args"], Json::array({"/hello"}));
  EXPECT_FALSE(container_configuration("[]"));
}

}  // namespace
}  // namespace spry::bench
