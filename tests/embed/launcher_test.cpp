// One action after another in launchers of unusual kinds: nothing outlives an action, and nothing of its output is
// lost.
#include <fcntl.h>
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
#include "spry/shell.h"
#include "spry/snapshot.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{4} << 20;
constexpr int kCannot = 77;

// A kind of launcher. `become` makes the process one before it makes machines; false if that cannot be had here.
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
    // Pages that are locked cannot be given back to the kernel.
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
      std::fflush(nullptr);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannot) GTEST_SKIP() << "no such launcher here";
    EXPECT_EQ(status, 0) << "as waitpid(2) tells it";
  }

  std::string disk_ = fmt::format("{}spry-launcher-{}", testing::TempDir(), getpid());
};

// What the guest says of its state, whatever ran before.
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

// Beyond RLIMIT_FSIZE the kernel sends SIGXFSZ, which would end the launcher. So every file that the library makes, in
// memory too, is either refused beforehand or fits.
TEST(FileLimit, IsMetWithASentence) {
  const std::string path = fmt::format("{}spry-limit-{}", testing::TempDir(), getpid());
  std::size_t refused = 0;
  const auto judge = [&refused](const Result<std::string>& output) {
    if (output) {
      EXPECT_EQ(*output, "Hello\n");
      return;
    }
    ++refused;
    EXPECT_NE(output.error().message.find("RLIMIT_FSIZE"), std::string::npos) << output.error().message;
  };
  const auto run_once = [](bool reusable) -> Result<std::string> {
    MachineOptions options;
    options.devices = {capture()};
    options.reusable = reusable;
    auto machine = Machine::create(load("hello"), options);
    if (!machine) return tl::unexpected(machine.error());
    auto outcome = machine->run();
    if (!outcome) return tl::unexpected(outcome.error());
    return outcome->output;
  };
  const auto save = [&path]() -> Result<std::string> {
    auto snapshot = Snapshot::take(load("ready_state"), reusable());
    if (!snapshot) return tl::unexpected(snapshot.error());
    auto saved = snapshot->save(path);
    if (!saved) return tl::unexpected(saved.error());
    return "Hello\n";
  };
  // The memory of a guest that is a process is a file, which the limit bounds. KVM's is not.
  const std::uint64_t largest = std::uint64_t{value(Shell::create()).platform() == Platform::kKvm ? 16u : 64u} << 20;
  for (const std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{65536}, std::uint64_t{1} << 20,
                                    std::uint64_t{16} << 20, std::uint64_t{64} << 20}) {
    SCOPED_TRACE(limit);
    // The child's output goes through a pipe, because files are limited.
    int said[2];
    ASSERT_EQ(pipe2(said, O_CLOEXEC), 0);
    std::fflush(nullptr);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);
      dup2(said[1], STDOUT_FILENO);
      signal(SIGXFSZ, SIG_DFL);
      if (!lower(RLIMIT_FSIZE, limit)) _exit(1);
      judge(run_once(false));
      judge(run_once(true));
      judge(save());
      EXPECT_EQ(refused == 0, limit >= largest) << refused;
      std::fflush(nullptr);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    close(said[1]);
    std::string words;
    char some[4096];
    for (ssize_t got = 0; (got = read(said[0], some, sizeof some)) > 0;)
      words.append(some, static_cast<std::size_t>(got));
    close(said[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "as waitpid(2) tells it: " << words;
    unlink(path.c_str());
  }
}

// Each process has its own limit of processor time: a guest's process uses up its own, and its machine goes on.
TEST(ProcessorTime, OfAGuestIsAnOutcome) {
  for (const bool reused : {false, true}) {
    SCOPED_TRACE(reused);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);
      // The launcher handles SIGXCPU; its guest's process does not inherit that handler.
      signal(SIGXCPU, [](int) {});
      const rlimit limit = {1, RLIM_INFINITY};
      if (setrlimit(RLIMIT_CPU, &limit) != 0) _exit(1);
      MachineOptions options = reusable();
      options.platform = Platform::kProcess;
      options.reusable = options.verify = reused;
      options.arguments = {"endless", "spin"};
      Machine machine = value(Machine::create(load("endless"), options));
      for (int i = 0; i < (reused ? 2 : 1); ++i) {
        const Outcome outcome = value(machine.run());
        EXPECT_EQ(outcome.reason, Reason::kCpuLimit);
        EXPECT_EQ(to_string(outcome.reason), "cpu");
        EXPECT_EQ(outcome.message, "the guest's process used up its 1 s of processor time (RLIMIT_CPU, ulimit -t)");
        EXPECT_TRUE(machine.usable());
      }
      std::fflush(nullptr);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "as waitpid(2) tells it";
  }
}

// What a launcher's forked child does with what the launcher has made; true if it is as it should be.
struct InAChild {
  const char* name;
  std::function<bool(Pool&, std::optional<Pool>&)> does;
};

const InAChild kInAChild[] = {
    {"run", [](Pool& pool, auto&) { return !pool.run("look"); }},
    {"submit", [](Pool& pool, auto&) { return !pool.submit("look", [](Result<Outcome>) {}); }},
    {"try_submit", [](Pool& pool, auto&) { return !pool.try_submit("look", [](Result<Outcome>) {}); }},
    {"submit with a ticket", [](Pool& pool, auto&) { return !pool.submit("look", 1); }},
    {"take", [](Pool& pool, auto&) { return !pool.take(); }},
    {"drain", [](Pool& pool, auto&) { return pool.drain(), true; }},
    {"statistics", [](Pool& pool, auto&) { return pool.statistics().submitted == 0; }},
    {"finish", [](Pool& pool, auto&) { return pool.close(Pool::Close::kFinish), true; }},
    {"cancel", [](Pool& pool, auto&) { return pool.close(Pool::Close::kCancel), true; }},
    {"destroy", [](Pool&, std::optional<Pool>& pool) { return pool.reset(), true; }},
    {"move onto it", [](Pool& pool, std::optional<Pool>& to) { return *to = std::move(pool), true; }},
};

// A forked child has no workers, and finds their locks in any state: at the fork an action runs and others wait.
TEST(ForkedChildren, LeaveAPoolAlone) {
  PoolOptions options;
  options.machine.devices = {capture()};
  options.machine.deadline = enough(20'000);
  options.workers = 1;
  Pool other = value(Pool::create(load("hello"), options));
  std::optional<Pool> pool = value(Pool::create(load("spy"), options));
  for (const InAChild& one : kInAChild) {
    SCOPED_TRACE(one.name);
    ASSERT_TRUE(pool->submit("seed\n", 7));
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);
      _exit(one.does(*pool, pool) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "as waitpid(2) tells it";
    pool->drain();
    const auto taken = pool->take();
    ASSERT_TRUE(taken);
    EXPECT_EQ(value(taken->outcome).reason, Reason::kExit);
  }
  EXPECT_EQ(value(other.run()).output, "Hello\n");
}

// A child may destroy its copies of a machine and a shell; the launcher's go on.
TEST(ForkedChildren, EndNoMachine) {
  std::optional<Machine> machine = value(Machine::create(load("hello"), reusable()));
  EXPECT_EQ(value(machine->run()).output, "Hello\n");
  std::optional<Shell> shell = value(Shell::create());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(60);
    machine.reset();
    shell.reset();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "as waitpid(2) tells it";
  EXPECT_EQ(value(machine->run()).output, "Hello\n");
  EXPECT_EQ(value(value(Machine::create(*std::move(shell), load("hello"), reusable())).run()).output, "Hello\n");
}

std::string name_of(const testing::TestParamInfo<Kind>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Kinds, Launchers, testing::ValuesIn(kKinds), name_of);

}  // namespace
}  // namespace spry
