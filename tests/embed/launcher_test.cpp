// One action after another in launchers of unusual kinds: nothing outlives an action, and nothing of its output is
// lost.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "guest.h"
#include "spry/pool.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{4} << 20;
constexpr int kCannot = 77;

// What a launcher is before it makes its machines: true, or false if it cannot be had here.
struct Kind {
  const char* name;
  std::function<bool()> become;
};

bool lower(__rlimit_resource resource, rlim_t value) {
  const rlimit limit = {value, value};
  return setrlimit(resource, &limit) == 0;
}

const Kind kKinds[] = {
    {"Plain", [] { return true; }},
    // Pages cannot be given back.
    {"LocksItsMemory", [] { return mlockall(MCL_CURRENT | MCL_FUTURE) == 0; }},
    {"BlocksAllSignals",
     [] {
       sigset_t all;
       sigfillset(&all);
       return sigprocmask(SIG_SETMASK, &all, nullptr) == 0;
     }},
    {"IgnoresItsChildren", [] { return signal(SIGCHLD, SIG_IGN) != SIG_ERR; }},
    {"WritesNoLargeFiles", [] { return lower(RLIMIT_FSIZE, kLargest * 64); }},
    {"HasASmallStack", [] { return lower(RLIMIT_STACK, 256 << 10); }},
    {"HasFewDescriptors", [] { return lower(RLIMIT_NOFILE, 40); }},
    {"HasClosedItsStreams", [] { return close(0) == 0 && close(1) == 0; }},
    {"HasAnotherUmask", [] { return umask(0777) != 0777; }},
};

void PrintTo(const Kind& kind, std::ostream* to) { *to << kind.name; }

class Launchers : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { std::ofstream(disk_, std::ios::binary) << std::string(kLargest, 'd'); }
  void TearDown() override { unlink(disk_.c_str()); }

  MachineOptions options(const char* how) const {
    MachineOptions made;
    made.devices = {capture(), block_device("disk", disk_ + how)};
    made.reusable = true;
    made.max_input = kLargest;
    return made;
  }

  // Runs `body` in a process of its own that has become a launcher of this kind.
  static void in_launcher(const std::function<void()>& body) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);
      if (!GetParam().become()) _exit(kCannot);
      try {
        body();
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannot) GTEST_SKIP() << "no such launcher here";
    EXPECT_EQ(status, 0) << "as waitpid(2) tells it";
  }

  std::string disk_ = fmt::format("{}spry-launcher-{}", testing::TempDir(), getpid());
};

// What each says, whatever ran before.
void expect_look(const Outcome& outcome) {
  EXPECT_EQ(outcome.output, "banner, clean\n") << outcome.message;
  EXPECT_EQ(outcome.reason, Reason::kExit) << outcome.message;
}

// Small inputs are cleared, and the pages of large ones given back.
const std::size_t kSizes[] = {5, 100'000, std::size_t{3} << 20};

template <class RunOne>
void leave_and_look(RunOne run) {
  for (const std::size_t size : kSizes) {
    for (const char* way : {"abort", "leave"}) {
      const Outcome left = value(run(way + std::string(size, 'x')));
      EXPECT_EQ(left.output, *way == 'a' ? "banner, " : "banner, left") << left.message;
      EXPECT_EQ(left.reason, *way == 'a' ? Reason::kAbort : Reason::kExit) << left.message;
      expect_look(value(run("look")));
    }
  }
}

TEST_P(Launchers, FindNothingInAMachine) {
  in_launcher([this] {
    for (const bool verify : {false, true}) {
      MachineOptions made = options(",overlay");
      made.verify = verify;
      Machine machine = value(Machine::create(load("leftovers"), made));
      leave_and_look([&machine](const std::string& input) { return machine.run(input); });
    }
  });
}

TEST_P(Launchers, FindNothingInAPool) {
  in_launcher([this] {
    PoolOptions pooled;
    pooled.machine = options(",overlay");
    pooled.workers = 1;
    Pool pool = value(Pool::create(load("leftovers"), pooled));
    leave_and_look([&pool](const std::string& input) { return pool.run(input); });
    EXPECT_EQ(pool.statistics().rebuilds, 0u);
  });
}

std::string name_of(const testing::TestParamInfo<Kind>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Kinds, Launchers, testing::ValuesIn(kKinds), name_of);

}  // namespace
}  // namespace spry
