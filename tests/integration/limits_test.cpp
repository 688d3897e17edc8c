// Each subcommand under each limit of setrlimit(2), from 0 up to enough. It works as without the limit, or says in a
// sentence why not, with the exit code for that, and leaves nothing behind.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "spry_test.h"

namespace spry::test {
namespace {

struct Limit {
  const char* name;
  __rlimit_resource resource;
  std::vector<rlim_t> values;  // ascending; with the last one everything works
};

constexpr rlim_t kKilo = 1 << 10;
constexpr rlim_t kMega = 1 << 20;

// Below 6 MiB of address space the kernel cannot even map the program. Below 1 MiB of data the C library gets no
// memory, and ends the program.
const Limit kLimits[] = {
    {"FileSize", RLIMIT_FSIZE, {0, 1, 4 * kKilo, 8 * kKilo, 64 * kKilo, kMega, 8 * kMega, 16 * kMega, 64 * kMega}},
    {"AddressSpace",
     RLIMIT_AS,
     {6 * kMega, 7 * kMega, 8 * kMega, 10 * kMega, 12 * kMega, 16 * kMega, 20 * kMega, 24 * kMega, 28 * kMega,
      36 * kMega, 52 * kMega, 70 * kMega, 100 * kMega, 1024 * kMega}},
    {"Data", RLIMIT_DATA, {kMega, 2 * kMega, 4 * kMega, 16 * kMega, 20 * kMega, 40 * kMega, 1024 * kMega}},
    {"Descriptors", RLIMIT_NOFILE, {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 24, 28, 64}},
    {"Stack", RLIMIT_STACK, {16 * kKilo, 64 * kKilo, 128 * kKilo, 512 * kKilo, 8 * kMega}},
    {"Processes", RLIMIT_NPROC, {0, 1, 2, 4, 100'000}},
    {"Core", RLIMIT_CORE, {0, kMega}},
    {"LockedMemory", RLIMIT_MEMLOCK, {0, 64 * kKilo}},
    {"PendingSignals", RLIMIT_SIGPENDING, {0, 1, 100'000}},
    {"MessageQueues", RLIMIT_MSGQUEUE, {0}},
    {"ResidentSet", RLIMIT_RSS, {0}},
    {"FileLocks", RLIMIT_LOCKS, {0}},
    {"Nice", RLIMIT_NICE, {0}},
    {"RealTimePriority", RLIMIT_RTPRIO, {0}},
    {"RealTime", __RLIMIT_RTTIME, {0}},
};

void PrintTo(const Limit& limit, std::ostream* to) { *to << limit.name; }

struct Subcommand {
  std::vector<std::string> words;
  std::string output;          // what it says, or how that begins
  std::set<std::string> made;  // files
};

const Subcommand kSubcommands[] = {
    {{"run", "GUEST/hello"}, "Hello\n", {}},
    {{"run", "--deadline", "1m", "--report", "REPORT", "GUEST/hello"}, "Hello\n", {"REPORT"}},
    {{"run", "--input", "-", "GUEST/wordcount"}, "1 2 8\n", {}},
    {{"pool", "--workers", "2", "GUEST/hello"}, "Hello\n", {}},
    {{"pool", "--workers", "2", "--outputs", "OUTPUTS", "GUEST/hello"}, "", {"OUTPUTS"}},
    {{"snapshot", "-o", "SNAPSHOT", "GUEST/ready_state"}, "", {"SNAPSHOT"}},
    {{"run", "TAKEN"}, "", {}},
    {{"inspect", "GUEST/hello"}, "", {}},
    {{"doctor"}, "", {}},
    {{"help", "pool"}, "", {}},
    {{"--version"}, "", {}},
};

class Limits : public RunTest, public testing::WithParamInterface<Limit> {
 protected:
  // Runs the subcommand in a folder of its own, under the limit.
  Outcome under(rlim_t value, const Subcommand& subcommand) const {
    std::vector<std::string> words = {command()};
    for (std::string word : subcommand.words) {
      if (word.starts_with("GUEST/")) word = guest(word.substr(6));
      if (word == "TAKEN") word = taken();
      if (word == "REPORT" || word == "SNAPSHOT" || word == "OUTPUTS") word = path("work/" + word);
      words.push_back(word);
    }
    Pipe input = make_pipe();
    if (write(input.write.get(), "one two\n", 8) != 8) ADD_FAILURE();
    input.write.close();
    return run(words, {.input = input.read.get(), .in_child = [value] {
                         for (int signal = 1; signal < SIGRTMIN; ++signal) std::signal(signal, SIG_DFL);
                         rlimit limit;
                         getrlimit(GetParam().resource, &limit);
                         limit.rlim_cur = limit.rlim_max = std::min(value, limit.rlim_max);
                         if (setrlimit(GetParam().resource, &limit) != 0) _exit(198);
                       }});
  }

  std::string taken() const { return path("taken"); }

  void begin() const {
    std::filesystem::remove_all(path("work"));
    std::filesystem::create_directories(path("work/OUTPUTS"));
  }

  void expect_done(const Subcommand& subcommand, const Outcome& outcome) const {
    EXPECT_TRUE(outcome.output.starts_with(subcommand.output)) << outcome.output;
    EXPECT_EQ(outcome.diagnostics.find("spry:"), std::string::npos) << outcome.diagnostics;
  }

  // Checks for exit code 125 and a sentence; a pool may also end with a failed action.
  void expect_refused(const Subcommand& subcommand, const Outcome& outcome) const {
    const bool of_an_action = subcommand.words.front() == "pool" && outcome.status == 1 << 8;
    const bool of_the_doctor = subcommand.words.front() == "doctor";
    EXPECT_TRUE(outcome.status == 125 << 8 || of_an_action) << outcome.status << ": " << outcome.diagnostics;
    EXPECT_TRUE(of_the_doctor || outcome.diagnostics.find("spry: ") != std::string::npos) << outcome.diagnostics;
  }

  void expect_no_leftover(const Subcommand& subcommand, bool done) const {
    for (const auto& entry : std::filesystem::directory_iterator(path("work"))) {
      const std::string name = entry.path().filename();
      EXPECT_TRUE(subcommand.made.contains(name) || name == "OUTPUTS") << name;
      // A snapshot that is there is whole: the command succeeded.
      EXPECT_TRUE(name != "SNAPSHOT" || done);
    }
  }
};

TEST_P(Limits, AreMetWithASentence) {
#ifdef SPRY_SANITIZED
  GTEST_SKIP() << "the sanitizers do not keep to limits themselves";
#endif
  expect_exit(run({command(), "snapshot", "-o", taken(), guest("ready_state")}), 0);
  for (const Subcommand& subcommand : kSubcommands) {
    SCOPED_TRACE(testing::PrintToString(subcommand.words));
    for (const rlim_t value : GetParam().values) {
      SCOPED_TRACE(value);
      begin();
      const Outcome outcome = under(value, subcommand);
      ASSERT_NE(outcome.status, 198 << 8) << "the limit cannot be set";
      EXPECT_FALSE(outcome.timed_out);
      EXPECT_TRUE(WIFEXITED(outcome.status)) << "signal " << WTERMSIG(outcome.status) << ": " << outcome.diagnostics;
      const bool done = outcome.status == 0;
      if (done) {
        expect_done(subcommand, outcome);
      } else {
        expect_refused(subcommand, outcome);
      }
      expect_no_leftover(subcommand, done);
      EXPECT_TRUE(done || value != GetParam().values.back()) << outcome.diagnostics;
    }
  }
}

std::string name_of(const testing::TestParamInfo<Limit>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Limits, Limits, testing::ValuesIn(kLimits), name_of);

// Limits processor time: after `soft` seconds a signal comes that can be handled, after `hard` seconds one that cannot.
std::function<void()> with_processor_time(rlim_t soft, rlim_t hard) {
  return [soft, hard] {
    std::signal(SIGXCPU, SIG_DFL);
    const rlimit limit = {soft, hard};
    setrlimit(RLIMIT_CPU, &limit);
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
  };
}

class ProcessorTime : public RunTest {
 protected:
  bool guests_are_processes() const {
    expect_exit(run(run_of({"--report", path("platform")}, "hello")), 0);
    return read_file(path("platform")).find("\"platform\": \"process\"") != std::string::npos;
  }
};

// The monitor and a guest's process have the limit each for itself. Whichever reaches it first, the first signal ends
// the run in good order.
TEST_F(ProcessorTime, EndsARunWithItsOutput) {
  const Outcome outcome = run(run_of({"--report", path("report")}, "it-acts", {"print", "100000000000"}),
                              {.output = ChildSetup::kNull, .in_child = with_processor_time(1, 30)});
  expect_signal(outcome, SIGXCPU);
  const auto report = nlohmann::json::parse(read_file(path("report")), nullptr, false);
  ASSERT_TRUE(report.is_object()) << read_file(path("report"));
  EXPECT_TRUE(report["reason"] == "interrupted" || report["reason"] == "cpu") << report["reason"];
}

// A guest that only computes ends as a program would, on any platform: with its output, and by the same signal. At the
// hard limit a guest that is a process takes no monitor with it.
TEST_F(ProcessorTime, EndsAGuestThatComputes) {
  const bool is_process = guests_are_processes();
  for (const rlim_t hard : {rlim_t{60}, rlim_t{1}}) {
    if (hard == 1 && !is_process) continue;
    SCOPED_TRACE(hard);
    const Outcome outcome = run(run_of({"--report", path("report")}, "it-acts", {"say-and-spin"}),
                                {.in_child = with_processor_time(1, hard)});
    expect_signal(outcome, SIGXCPU);
    EXPECT_EQ(outcome.output, "spinning\n");
    const auto report = nlohmann::json::parse(read_file(path("report")), nullptr, false);
    ASSERT_TRUE(report.is_object()) << read_file(path("report"));
    EXPECT_EQ(report["reason"], is_process ? "cpu" : "interrupted");
    EXPECT_EQ(report["status"], nullptr);
    if (!is_process) continue;
    EXPECT_EQ(outcome.diagnostics,
              "spry: " + guest("it-acts") +
                  ": the guest's process used up its 1 s of processor time (RLIMIT_CPU, ulimit -t)\n");
  }
}

// In a pool the machine goes on with another process.
TEST_F(ProcessorTime, EndsAnActionOfAPool) {
  if (!guests_are_processes()) GTEST_SKIP() << "guests use the pool's own time here";
  write_file(path("inputs"), "spin\nx\n");
  const Fd input(open(path("inputs").c_str(), O_RDONLY | O_CLOEXEC));
  const Outcome outcome = run({command(), "pool", "--workers", "1", guest("it-input")},
                              {.input = input.get(), .in_child = with_processor_time(1, 60)});
  expect_exit(outcome, 1, "spry: input 1: cpu: the guest's process used up its 1 s of processor time");
  EXPECT_EQ(outcome.output, "[x]\n");
  EXPECT_NE(outcome.diagnostics.find("rebuilds 0"), std::string::npos) << outcome.diagnostics;
}

// An input that is kept in memory is a file for the limit, and so is a file that output goes to. What fits is written.
TEST_F(RunTest, FilesThatMayNotGrowKeepWhatTheyHold) {
  const auto limited = [](rlim_t value) {
    return [value] {
      const rlimit limit = {value, value};
      setrlimit(RLIMIT_FSIZE, &limit);
    };
  };
  const Fd output(open(path("output").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  constexpr rlim_t kLimit = 64 * kMega;
  expect_exit(run(run_of({}, "it-acts", {"print", "80000000"}), {.output = output.get(), .in_child = limited(kLimit)}),
              125, "spry: cannot write output: File too large");
  EXPECT_EQ(std::filesystem::file_size(path("output")), kLimit);
  write_file(path("input"), std::string(3 << 20, 'x'));
  expect_exit(run({"sh", "-c", "cat \"$1\" | (ulimit -f 2048 && \"$2\" run --input - \"$3\")", "sh", path("input"),
                   command(), guest("wordcount")}),
              125, "spry: input -: cannot be kept in memory: File too large: this process may write no more than");
}

}  // namespace
}  // namespace spry::test
