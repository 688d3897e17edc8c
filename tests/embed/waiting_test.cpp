// Whatever an action waits for or repeats, its deadline and an interruption end it, at whatever moment they come; and
// what comes after it in the same machine, shell or pool is as it would have been.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <thread>

#include "guest.h"
#include "spry/pool.h"

namespace spry {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

// An action that takes longer than this is taken to wait for ever.
std::chrono::milliseconds patience() { return enough(20000); }

// What an action does: which guest it is, and what it prints if nothing ends it.
struct Case {
  const char* name;
  std::vector<std::string> arguments;
  std::string input;
  std::optional<std::string> output;  // none: it never ends by itself
  std::string disk = {};              // a specification of its disk, if it has one
};

struct Kind {
  bool reusable;
  bool verify;
};

MachineOptions options_of(const Case& its, Kind kind = {false, false}) {
  MachineOptions options;
  options.devices = {capture()};
  if (!its.disk.empty()) options.devices.push_back(block_device("disk", its.disk));
  options.arguments = its.arguments;
  options.reusable = kind.reusable;
  options.verify = kind.verify;
  return options;
}

// `disk` is a file to read.
std::vector<Case> cases(const std::string& disk) {
  std::vector<Case> cases = {
      {"hello", {}, "", {}},
      {"wordcount", {}, "one two three\n", {}},
      {"wordcount", {}, std::string(1 << 20, 'x'), {}},
      {"ready_output", {}, "", {}},
      {"ready_state", {}, "x", {}},
      {"block_action", {}, "", {}, disk + ",ro"},
  };
  for (Case& its : cases) {
    const Outcome whole = value(value(Machine::create(load(its.name), options_of(its))).run(its.input));
    EXPECT_EQ(whole.reason, Reason::kExit) << its.name;
    EXPECT_FALSE(whole.output.empty()) << its.name;
    its.output = whole.output;
  }
  for (const char* how : {"spin", "calls", "unknown_calls", "polls", "sleeps", "writes"}) {
    cases.push_back({"endless", {"endless", how}, "", {}});
  }
  return cases;
}

constexpr Kind kKinds[] = {{false, false}, {true, false}, {true, true}};

// A pipe that is full, and whose other end nobody reads.
class FullPipe {
 public:
  FullPipe() {
    if (pipe2(ends_, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("pipe2");
    const char bytes[4096] = {};
    while (write(ends_[1], bytes, sizeof bytes) > 0) continue;
    fcntl(ends_[1], F_SETFL, 0);
  }
  ~FullPipe() {
    for (const int end : ends_) close(end);
  }
  FullPipe(const FullPipe&) = delete;
  FullPipe& operator=(const FullPipe&) = delete;
  int writer() const { return ends_[1]; }

 private:
  int ends_[2] = {-1, -1};
};

class WaitingEnds : public testing::Test {
 protected:
  void SetUp() override {
    disk_ = testing::TempDir() + "spry-waiting-" + std::to_string(getpid());
    std::ofstream(disk_) << std::string(1 << 20, 'd');
  }
  void TearDown() override { std::remove(disk_.c_str()); }

  // Runs an action. It must end within patience(): by itself and with the right output, or for `reason`.
  static Outcome expect_ends(Machine& machine, const Case& its, Reason reason) {
    const Clock::time_point start = Clock::now();
    const Outcome outcome = value(machine.run(its.input));
    EXPECT_LT(Clock::now() - start, patience());
    if (outcome.reason == reason) {
      if (its.output) {
        EXPECT_TRUE(its.output->starts_with(outcome.output)) << outcome.output;
      }
    } else {
      EXPECT_EQ(outcome.reason, Reason::kExit) << outcome.message;
      if (its.output) {
        EXPECT_EQ(outcome.output, *its.output);
      }
    }
    return outcome;
  }

  // Another machine, in the shell that `machine` leaves, has nothing of its deadline.
  static void expect_shell_is_right(Machine machine) {
    MachineOptions options;
    options.devices = {capture()};
    Machine next = value(Machine::create(value(std::move(machine).release()), load("wordcount"), options));
    const Outcome outcome = value(next.run("one two three\n"));
    EXPECT_EQ(outcome.reason, Reason::kExit);
    EXPECT_EQ(outcome.output, " 1  3 14\n");
  }

  std::string disk_;
  std::mt19937 random_{3};
  nanoseconds random_deadline() { return nanoseconds(std::uniform_int_distribution<int>(1, 3'000'000)(random_)); }
  std::vector<nanoseconds> deadlines() {
    return {nanoseconds(1),    microseconds(1),    microseconds(10),
            microseconds(100), microseconds(1000), random_deadline()};
  }
};

TEST_F(WaitingEnds, AtEachDeadline) {
  for (const Case& its : cases(disk_)) {
    const Image image = load(its.name);
    for (const Kind kind : kKinds) {
      for (const nanoseconds deadline : deadlines()) {
        SCOPED_TRACE(std::string(its.name) + (its.arguments.empty() ? "" : " " + its.arguments.back()) + ", " +
                     std::to_string(deadline.count()) + " ns, reusable " + std::to_string(kind.reusable) + ", verify " +
                     std::to_string(kind.verify));
        MachineOptions options = options_of(its, kind);
        options.deadline = deadline;
        Machine machine = value(Machine::create(image, options));
        for (int i = 0; i < (kind.reusable ? 3 : 1); ++i) {
          expect_ends(machine, its, Reason::kDeadline);
          ASSERT_TRUE(machine.usable());
        }
        if (kind.reusable) {
          EXPECT_TRUE(machine.reset());
        }
        expect_shell_is_right(std::move(machine));
      }
    }
  }
}

// What a test does while a machine captures its state at `ready`. A machine that verifies also runs its probe then.
struct InCapture {
  std::function<void()> happens;
  int captures = 0;
};

// A device for the guest host_function. It answers with no bytes, and calls `happens` in a capture.
class Slow : public Device {
 public:
  explicit Slow(InCapture& capture) : capture_(capture) {}
  Result<std::int64_t> call(Guest&, const DeviceCall&) override { return 0; }
  Result<std::string> save() override {
    ++capture_.captures;
    capture_.happens();
    return std::string();
  }

 private:
  InCapture& capture_;
};

// What comes in a capture ends the action and not the probe, and the machine goes on.
TEST_F(WaitingEnds, InACapture) {
  for (const bool verify : {false, true}) {
    for (const Reason reason : {Reason::kDeadline, Reason::kInterrupted}) {
      SCOPED_TRACE(std::string(to_string(reason)) + (verify ? ", verify" : ""));
      // The deadline grows until the guest is ready before it passes.
      InCapture capture;
      for (auto deadline = std::chrono::milliseconds(20); capture.captures == 0; deadline *= 2) {
        ASSERT_LT(deadline, patience());
        MachineOptions options;
        options.devices.push_back(
            {"host", "function", [&capture](const DeviceNeed&) -> Result<std::unique_ptr<Device>> {
               return std::make_unique<Slow>(capture);
             }});
        options.devices.push_back(spry::capture());
        options.reusable = true;
        options.verify = verify;
        Machine machine = value(Machine::create(load("host_function"), options));
        capture.happens = [&] {
          if (reason == Reason::kInterrupted) return machine.interrupt();
          std::this_thread::sleep_for(deadline);
        };
        ActionOptions limited;
        if (reason == Reason::kDeadline) limited.deadline = deadline;
        EXPECT_EQ(value(machine.run("x", limited)).reason, reason);
        ASSERT_TRUE(machine.usable());
        if (capture.captures == 0) continue;
        capture.happens = [] {};
        for (int i = 0; i < 3; ++i) {
          const Outcome outcome = value(machine.run("x"));
          EXPECT_EQ(outcome.reason, Reason::kExit) << outcome.message;
          EXPECT_EQ(outcome.status, 0) << outcome.output;
        }
        EXPECT_TRUE(machine.snapshot());
      }
    }
  }
}

// Nobody reads the output: neither that of the action, nor what was printed before `ready`, with which each action
// begins.
TEST_F(WaitingEnds, AtEachDeadlineWhileOutputWaits) {
  const FullPipe full;
  for (const Case& its :
       {Case{"hello", {}, "", {}}, Case{"ready_output", {}, "", {}}, Case{"endless", {"endless", "writes"}, "", {}}}) {
    const Image image = load(its.name);
    for (const Kind kind : kKinds) {
      for (const nanoseconds deadline : deadlines()) {
        SCOPED_TRACE(std::string(its.name) + ", " + std::to_string(deadline.count()) + " ns");
        MachineOptions options = options_of(its, kind);
        options.devices = {console_device(full.writer(), full.writer())};
        options.deadline = deadline;
        Machine machine = value(Machine::create(image, options));
        for (int i = 0; i < (kind.reusable ? 3 : 1); ++i) {
          const Clock::time_point start = Clock::now();
          EXPECT_EQ(value(machine.run()).reason, Reason::kDeadline);
          EXPECT_LT(Clock::now() - start, patience());
        }
      }
    }
  }
}

// In a snapshot what was printed before `ready` is there from the beginning.
TEST_F(WaitingEnds, AtEachDeadlineOfASnapshot) {
  MachineOptions taking;
  taking.devices = {capture()};
  const Snapshot snapshot = value(Snapshot::take(load("ready_output"), taking));
  const FullPipe full;
  for (const Kind kind : kKinds) {
    for (const nanoseconds deadline : deadlines()) {
      SCOPED_TRACE(std::to_string(deadline.count()) + " ns, reusable " + std::to_string(kind.reusable));
      const Case its = {"ready_output", {}, "", "output before\na part, output after\nend\n"};
      MachineOptions options = options_of(its, kind);
      options.deadline = deadline;
      Machine machine = value(Machine::create(snapshot, options));
      for (int i = 0; i < (kind.reusable ? 3 : 1); ++i) expect_ends(machine, its, Reason::kDeadline);
      options.devices = {console_device(full.writer(), full.writer())};
      Machine blocked = value(Machine::create(snapshot, options));
      for (int i = 0; i < (kind.reusable ? 3 : 1); ++i) EXPECT_EQ(value(blocked.run()).reason, Reason::kDeadline);
    }
  }
}

TEST_F(WaitingEnds, AtEachDeadlineInAPool) {
  for (const nanoseconds deadline : deadlines()) {
    SCOPED_TRACE(std::to_string(deadline.count()) + " ns");
    PoolOptions options;
    options.machine.devices = {capture()};
    options.machine.deadline = deadline;
    options.workers = 2;
    Pool pool = value(Pool::create(load("wordcount"), options));
    std::atomic<int> right = 0;
    constexpr int kActions = 40;
    for (int i = 0; i < kActions; ++i) {
      EXPECT_TRUE(pool.submit("one two three\n", [&right](const Result<Outcome>& outcome) {
        if (!outcome) return;
        const bool whole = outcome->reason == Reason::kExit && outcome->output == " 1  3 14\n";
        if (whole || outcome->reason == Reason::kDeadline) ++right;
      }));
    }
    const Clock::time_point start = Clock::now();
    pool.drain();
    EXPECT_LT(Clock::now() - start, patience());
    EXPECT_EQ(right, kActions);
  }
}

// Interrupts a machine from another thread after a while, and sends signals to the thread that runs it.
class Interrupter {
 public:
  Interrupter(Machine& machine, microseconds after)
      : thread_([this, &machine, after, runs = pthread_self()] {
          std::this_thread::sleep_for(after);
          machine.interrupt();
          while (!over_) {
            pthread_kill(runs, SIGUSR1);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          }
        }) {}
  ~Interrupter() {
    over_ = true;
    thread_.join();
  }
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

 private:
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

class InterruptionEnds : public WaitingEnds {
 protected:
  void SetUp() override {
    WaitingEnds::SetUp();
    struct sigaction action = {};
    action.sa_handler = [](int) {};  // does nothing: the signal only ends a wait
    ASSERT_EQ(sigaction(SIGUSR1, &action, &before_), 0);
  }
  void TearDown() override {
    sigaction(SIGUSR1, &before_, nullptr);
    WaitingEnds::TearDown();
  }

  // Runs `count` actions and interrupts each at a random moment. Each interruption has been made before the next action
  // begins.
  void interrupt_actions(Machine& machine, const Case& its, int count) {
    std::uniform_int_distribution<int> moment(0, 3000);
    for (int i = 0; i < count; ++i) {
      const Interrupter other(machine, microseconds(moment(random_)));
      expect_ends(machine, its, Reason::kInterrupted);
      ASSERT_TRUE(machine.usable());
    }
  }

 private:
  struct sigaction before_ = {};
};

TEST_F(InterruptionEnds, AtAnyMoment) {
  for (const Case& its : cases(disk_)) {
    SCOPED_TRACE(std::string(its.name) + (its.arguments.empty() ? "" : " " + its.arguments.back()));
    const Image image = load(its.name);
    for (const Kind kind : kKinds) {
      if (!kind.reusable) {
        Machine machine = value(Machine::create(image, options_of(its, kind)));
        interrupt_actions(machine, its, 1);
        continue;
      }
      Machine machine = value(Machine::create(image, options_of(its, kind)));
      interrupt_actions(machine, its, kind.verify ? 5 : 10);
      EXPECT_TRUE(machine.reset());
      if (!its.output) continue;
      // An interruption that came too late ends the next action, and no other.
      int interrupted = 0;
      for (int i = 0; i < 3; ++i) {
        if (expect_ends(machine, its, Reason::kInterrupted).reason == Reason::kInterrupted) ++interrupted;
      }
      EXPECT_LE(interrupted, 1);
      expect_shell_is_right(std::move(machine));
    }
  }
}

TEST_F(InterruptionEnds, AtAnyMomentWhileOutputWaits) {
  const FullPipe full;
  for (const Case& its : {Case{"hello", {}, "", {}}, Case{"ready_output", {}, "", {}}}) {
    for (const Kind kind : kKinds) {
      MachineOptions options = options_of(its, kind);
      options.devices = {console_device(full.writer(), full.writer())};
      Machine machine = value(Machine::create(load(its.name), options));
      for (int i = 0; i < (kind.reusable ? 10 : 1); ++i) {
        const Interrupter other(machine, microseconds(std::uniform_int_distribution<int>(0, 3000)(random_)));
        EXPECT_EQ(value(machine.run()).reason, Reason::kInterrupted);
      }
    }
  }
}

}  // namespace
}  // namespace spry
