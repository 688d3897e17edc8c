// Each subcommand, at each of its waits, is ended by each signal that ends a process. It is tried as an ordinary
// process and as the first one of a PID namespace.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "spry_test.h"

namespace spry::test {
namespace {

enum class Reads { kNothing, kLine, kPipe };

// A command that does not end by itself, and where it waits.
struct Case {
  const char* name;
  std::vector<std::string> words;
  Reads input = Reads::kNothing;
  bool full = false;        // its output is a pipe without room
  const char* output = "";  // what it has written by then
  bool reports = false;     // a run that a signal ends has a report
  long in = -1;             // the system call in which it waits, if the test must see it there
};

const Case kCases[] = {
    {"RunWhileTheGuestRuns",
     {"run", "--report", "REPORT", "GUEST/it-acts", "say-and-spin"},
     Reads::kNothing,
     false,
     "spinning\n",
     true},
    {"RunWhileTheGuestWaits",
     {"run", "--report", "REPORT", "GUEST/it-acts", "sleep"},
     Reads::kNothing,
     false,
     "asleep\n",
     true},
    {"RunWhileTheInputIsRead",
     {"run", "--report", "REPORT", "--input", "-", "GUEST/wordcount"},
     Reads::kPipe,
     false,
     "",
     true},
    {"RunWhileAFifoIsOpened",
     {"run", "--report", "REPORT", "--input", "FIFO", "GUEST/wordcount"},
     Reads::kNothing,
     false,
     "",
     true},
    {"RunWhileNobodyReads", {"run", "--report", "REPORT", "GUEST/hello"}, Reads::kNothing, true, "", true},
    {"PoolWhileItWaitsForALine", {"pool", "GUEST/hello"}, Reads::kLine, false, "Hello\n"},
    {"PoolWhileAGuestRuns", {"pool", "GUEST/it-acts", "spin"}, Reads::kLine},
    {"PoolWhileNobodyReads", {"pool", "GUEST/hello"}, Reads::kLine, true},
    {"SnapshotWhileTheGuestRuns", {"snapshot", "-o", "SNAPSHOT", "GUEST/it-acts", "say-and-spin"}},
    {"SnapshotWhileNobodyReads",
     {"snapshot", "-o", "/dev/stdout", "GUEST/ready_state"},
     Reads::kNothing,
     true,
     "",
     false,
     SYS_poll},
    {"SnapshotWithADeadlineWhileNobodyReads",
     {"snapshot", "--deadline", "10m", "-o", "/dev/stdout", "GUEST/ready_state"},
     Reads::kNothing,
     true,
     "",
     false,
     SYS_poll},
    {"InspectWhileNobodyReads", {"inspect", "GUEST/hello"}, Reads::kNothing, true},
    {"DoctorWhileNobodyReads", {"doctor"}, Reads::kNothing, true},
    {"HelpWhileNobodyReads", {"help", "run"}, Reads::kNothing, true},
    {"VersionWhileNobodyReads", {"--version"}, Reads::kNothing, true},
};

void PrintTo(const Case& one, std::ostream* to) { *to << one.name; }

// Signals after which a run still writes its output and a report.
const int kHandled[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGXCPU};
// Signals that end the command at once.
const int kOthers[] = {SIGKILL, SIGIO, SIGPWR, SIGSTKFLT, SIGPIPE, SIGSYS, SIGTRAP};

std::set<pid_t> children_of(pid_t process) {
  std::set<pid_t> children;
  const std::string folder = "/proc/" + std::to_string(process) + "/task";
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(folder, gone)) {
    std::istringstream numbers(read_file(task.path() / "children"));
    for (pid_t child; numbers >> child;) children.insert(child);
  }
  return children;
}

// The process's state as a letter (proc(5)).
std::string state_of(pid_t process) {
  const std::string status = read_file("/proc/" + std::to_string(process) + "/stat");
  return status.substr(status.rfind(')') + 2, 1);
}

class EverySignal : public CommandTest, public testing::WithParamInterface<Case> {
 protected:
  std::vector<std::string> words() const {
    std::vector<std::string> words = {command()};
    for (std::string word : GetParam().words) {
      if (word.starts_with("GUEST/")) word = guest(word.substr(6));
      if (word == "REPORT" || word == "SNAPSHOT" || word == "FIFO") word = path(word);
      words.push_back(word);
    }
    return words;
  }

  // Runs the command behind the words `before`, sends it signal `number` when it waits, and returns what became of it.
  Outcome end(const std::vector<std::string>& before, int number) {
    std::vector<std::string> all = before;
    for (const std::string& word : words()) all.push_back(word);
    Pipe input = make_pipe();
    Pipe output = GetParam().full ? make_full_pipe() : Pipe();
    Process spry(all, {.input = GetParam().input == Reads::kNothing ? ChildSetup::kNull : input.read.get(),
                       .output = GetParam().full ? output.write.get() : ChildSetup::kCapture,
                       .in_child = [] {
                         for (int signal = 1; signal < SIGRTMIN; ++signal) std::signal(signal, SIG_DFL);
                         const rlimit none = {0, 0};  // no core of SIGQUIT's
                         setrlimit(RLIMIT_CORE, &none);
                       }});
    if (GetParam().input == Reads::kLine && write(input.write.get(), "x\n", 2) != 2) ADD_FAILURE();
    EXPECT_TRUE(*GetParam().output == 0 || spry.await_output(GetParam().output));
    const pid_t it = before.empty() ? spry.id() : first_child(spry.id());
    await_wait(it);
    const std::set<pid_t> guests = children_of(it);
    EXPECT_EQ(kill(it, number), 0);
    Outcome outcome = spry.finish();
    EXPECT_EQ(outcome.output, GetParam().output);
    for (const pid_t one : guests) EXPECT_TRUE(gone(one)) << one;
    return outcome;
  }

  void expect_no_leftover(bool reported) const {
    std::set<std::string> left;
    for (const auto& entry : std::filesystem::directory_iterator(path(""))) left.insert(entry.path().filename());
    left.erase("FIFO");
    EXPECT_EQ(left, GetParam().reports ? std::set<std::string>{"REPORT"} : std::set<std::string>());
    if (!GetParam().reports || !reported) return;
    const auto report = nlohmann::json::parse(read_file(path("REPORT")), nullptr, false);
    ASSERT_TRUE(report.is_object()) << read_file(path("REPORT"));
    EXPECT_EQ(report["reason"], "interrupted");
    EXPECT_EQ(report["bytes"]["out"], std::strlen(GetParam().output));
  }

  void SetUp() override { ASSERT_EQ(mkfifo(path("FIFO").c_str(), 0600), 0); }

 private:
  static pid_t first_child(pid_t process) {
    std::set<pid_t> children;
    while ((children = children_of(process)).empty()) usleep(1000);
    return *children.begin();
  }
  // Waits until the process is in the case's system call, if it has one. Otherwise waits until the process has been
  // asleep for 20 looks in a row, or gives up after kLooks: a guest in KVM never sleeps. That only makes it likely that
  // the process is where the case's name says; a signal must end it anywhere.
  static void await_wait(pid_t process) {
    constexpr int kLooks = 500;
    const std::string path = "/proc/" + std::to_string(process) + "/syscall";  // not every kernel has this file
    if (GetParam().in >= 0 && std::filesystem::exists(path)) {
      const std::string call = std::to_string(GetParam().in) + ' ';
      const auto end = std::chrono::steady_clock::now() + kPatience;
      while (!read_file(path).starts_with(call) && std::chrono::steady_clock::now() < end) usleep(1000);
      EXPECT_TRUE(read_file(path).starts_with(call)) << read_file(path);
      return;
    }
    for (int waits = 0, looks = 0; waits < 20 && looks < kLooks; usleep(1000), ++looks) {
      waits = state_of(process) == "S" ? waits + 1 : 0;
    }
  }
  // Whether the process ends: after a signal it may be there for another moment.
  static bool gone(pid_t process) {
    for (int i = 0; i < 10'000; ++i, usleep(1000)) {
      if (kill(process, 0) != 0 || state_of(process) == "Z") return true;
    }
    return false;
  }
};

TEST_P(EverySignal, EndsIt) {
  for (const int number : kHandled) {
    SCOPED_TRACE(strsignal(number));
    const Outcome outcome = end({}, number);
    expect_signal(outcome, number);
    EXPECT_EQ(outcome.diagnostics, "");
    expect_no_leftover(true);
  }
  for (const int number : kOthers) {
    SCOPED_TRACE(strsignal(number));
    expect_signal(end({}, number), number);
    expect_no_leftover(false);
  }
}

// The kernel does not deliver signals without a handler to the first process of a PID namespace.
TEST_P(EverySignal, EndsTheFirstProcess) {
  const std::vector<std::string> alone = {"unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"};
  std::vector<std::string> probe = alone;
  probe.push_back("true");
  if (run(probe).status != 0) GTEST_SKIP() << "there are no user and PID namespaces here";
  for (const int number : kHandled) {
    SCOPED_TRACE(strsignal(number));
    expect_exit(end(alone, number), 128 + number);
    expect_no_leftover(true);
  }
}

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Signals, EverySignal, testing::ValuesIn(kCases), name_of);

}  // namespace
}  // namespace spry::test
