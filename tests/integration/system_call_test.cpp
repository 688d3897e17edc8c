// The monitor's system calls once the guest runs, seen by strace(1), are those of docs/architecture.md; and no
// descriptor that it opens outlives an exec.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "spry_test.h"

namespace spry::test {
namespace {

// The calls that docs/architecture.md lists, one a row: "| `NAME` | REASON |"; ioctls with their request, as
// ioctl(KVM_RUN).
std::set<std::string> allowed_calls() {
  static const std::regex row(R"(^\| `([^`]+)` \| [^|]+ \|$)");
  std::set<std::string> calls;
  std::istringstream lines(read_file(SPRY_ARCHITECTURE));
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) inside = line == "## System calls after the first guest instruction";
    std::smatch parts;
    if (inside && std::regex_match(line, parts, row)) calls.insert(parts[1]);
  }
  EXPECT_FALSE(calls.empty());
  return calls;
}

constexpr const char* kRun = "ioctl(KVM_RUN)";
constexpr const char* kReceive = "ioctl(SECCOMP_IOCTL_NOTIF_RECV)";

// The monitor's calls in a trace from the first KVM_RUN on, or, where the guest is a process, from the first wait for
// it. With -f, a line begins with the number of its process, and the first one is the monitor's; what a guest's process
// calls are hypercalls.
std::set<std::string> calls_while_running(const std::string& trace) {
  static const std::regex call(R"(^(\d+) +(\w+)\((?:\d+, (\w+))?.*)");
  std::set<std::string> calls;
  std::istringstream lines(trace);
  const std::string monitor = trace.substr(0, trace.find(' '));
  bool running = false;
  for (std::string line; std::getline(lines, line);) {
    std::smatch parts;
    if (!std::regex_match(line, parts, call)) continue;  // signals, the end
    if (parts[1] != monitor) continue;
    const std::string name = parts[2] == "ioctl" ? "ioctl(" + parts[3].str() + ")" : parts[2].str();
    running = running || name == kRun || name == "ppoll";
    if (!running) continue;
    calls.insert(name);
    if (name == "mmap") {
      EXPECT_NE(line.find("MAP_ANONYMOUS"), std::string::npos) << line;
    }
  }
  return calls;
}

class SystemCalls : public RunTest {
 protected:
  void SetUp() override {
    RunTest::SetUp();
    if (IsSkipped()) return;
#ifdef SPRY_SANITIZED
    GTEST_SKIP() << "a sanitizer's runtime makes system calls of its own";
#endif
    const Outcome strace = run({"strace", "-o", path("trace"), "true"});
    if (strace.status != 0) GTEST_SKIP() << "strace(1) is not there or may not trace: " << strace.diagnostics;
  }

  // Runs the command under strace. Returns what the monitor called while the guest ran; all of it must be allowed.
  std::set<std::string> trace(const std::vector<std::string>& words, int code) const {
    Process spry(traced(words));
    const Outcome outcome = spry.finish(std::chrono::minutes(4));
    EXPECT_FALSE(outcome.timed_out);
    EXPECT_EQ(outcome.status, code << 8) << outcome.diagnostics;
    return calls();
  }
  std::vector<std::string> traced(std::vector<std::string> words) const {
    words.insert(words.begin(), {"strace", "-f", "-s", "0", "-o", path("trace")});
    return words;
  }
  // The calls of the last trace.
  std::set<std::string> calls() const {
    const std::set<std::string> calls = calls_while_running(read_file(path("trace")));
    EXPECT_TRUE(calls.contains(kRun) || calls.contains(kReceive));
    const std::set<std::string> allowed = allowed_calls();
    for (const std::string& call : calls) EXPECT_TRUE(allowed.contains(call)) << call;
    return calls;
  }
};

TEST_F(SystemCalls, OfHello) { EXPECT_TRUE(trace(run_of({}, "hello"), 0).contains("exit_group")); }

TEST_F(SystemCalls, OfAnInputAndAReport) {
  trace(run_of({"--input", "/usr/share/common-licenses/GPL-3", "--report", path("report")}, "wordcount"), 0);
}

TEST_F(SystemCalls, OfACrashWithItsBacktrace) { trace(run_of({}, "it-acts", {"crash"}), 139); }

TEST_F(SystemCalls, OfAnAbort) { trace(run_of({}, "it-acts", {"abort", "reason"}), 134); }

TEST_F(SystemCalls, OfADeadline) {
  trace(run_of({"--deadline", "50ms"}, "it-acts", {"spin"}), 124);
  trace(run_of({"--deadline", "50ms"}, "it-acts", {"sleep"}), 124);
}

TEST_F(SystemCalls, OfASignal) {
  Process strace(traced(run_of({}, "it-acts", {"sleep"})));
  ASSERT_TRUE(strace.await_output("asleep\n"));
  usleep(100000);
  kill(std::stoi(read_file(path("trace"))), SIGTERM);
  expect_signal(strace.finish(), SIGTERM);
  EXPECT_TRUE(calls().contains("ppoll"));
}

TEST_F(SystemCalls, OfTenMegabytes) { trace(run_of({}, "it-acts", {"print", "10485760"}), 0); }

TEST_F(SystemCalls, OfMemoryThatGrows) {
  const std::set<std::string> calls = trace(run_of({"--memory", "64M"}, "it-acts", {"touch", "50331648"}), 0);
  EXPECT_EQ(calls.contains("ioctl(KVM_SET_USER_MEMORY_REGION)"), calls.contains(kRun));
}

// Small parts of a snapshot are read and large ones mapped, all before the guest runs.
TEST_F(SystemCalls, OfASnapshot) {
  expect_exit(run({command(), "snapshot", "-o", path("snapshot"), guest("ready_state")}), 0);
  trace({command(), "run", "--verify", path("snapshot")}, 0);
}

// The document's list has no call that opens or starts something.
TEST(SystemCallList, HasNothingThatOpensOrStarts) {
  const std::set<std::string> allowed = allowed_calls();
  EXPECT_GT(allowed.size(), 5u);
  for (const std::string call : {"open", "openat", "openat2", "creat", "socket", "connect", "execve", "execveat",
                                 "fork", "vfork", "clone", "clone3", "ptrace", "memfd_create", "kill", "ioctl"}) {
    EXPECT_FALSE(allowed.contains(call)) << call;
  }
}

// Every descriptor beyond the standard streams is closed by an exec, and there is none but what a run needs.
TEST_F(RunTest, DescriptorsAreClosedByAnExec) {
  write_file(path("input"), std::string(5000, 'w'));  // more than a page, of which the whole ones are mapped
  Process spry(run_of({"--input", path("input"), "--report", path("report")}, "it-acts", {"sleep"}));
  ASSERT_TRUE(spry.await_output("asleep\n"));
  const std::string process = "/proc/" + std::to_string(spry.id());
  std::multiset<std::string> targets;
  for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
    const std::string number = entry.path().filename();
    if (std::stoi(number) <= 2) continue;
    // The target of a pipe ends with a colon and a number.
    const std::string target = std::filesystem::read_symlink(entry.path());
    targets.insert(target.starts_with("pipe:") ? "pipe" : target);
    const std::string information = read_file(process + "/fdinfo/" + number);
    const std::size_t flags = information.find("flags:\t");
    ASSERT_NE(flags, std::string::npos) << information;
    EXPECT_NE(std::stoul(information.substr(flags + 7), nullptr, 8) & O_CLOEXEC, 0u) << *targets.rbegin();
  }
  std::multiset<std::string> wanted = {path("input"), path("report"), guest("it-acts")};
  if (targets.contains("anon_inode:kvm-vm")) {
    wanted.insert({"anon_inode:kvm-vm", "anon_inode:kvm-vcpu:0"});
  } else {
    // The input once more for the guest, and what belongs to its process.
    wanted.insert({path("input"), "/memfd:spry-guest (deleted)", "/memfd:spry-control (deleted)",
                   "/memfd:spry-memory (deleted)", "pipe", "anon_inode:seccomp notify", "anon_inode:[pidfd]"});
  }
  EXPECT_EQ(targets, wanted);
}

}  // namespace
}  // namespace spry::test
