// Pools: every action's outcome comes, and nothing of an action stays.
#include "spry/pool.h"

#include <poll.h>

#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "guest.h"
#include "held.h"
#include "spy.h"
#include "text/format.h"

namespace spry {
namespace {

using Pools = testing::Test;
using std::chrono::milliseconds;

PoolOptions pool_options(unsigned workers = 2) {
  PoolOptions options;
  options.machine.devices = {capture()};
  options.workers = workers;
  return options;
}

TEST_F(Pools, RunActions) {
  Pool pool = value(Pool::create(load("hello"), pool_options()));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(value(pool.run()).output, "Hello\n");
  const PoolStatistics counts = pool.statistics();
  EXPECT_EQ(counts.submitted, 50u);
  EXPECT_EQ(counts.completed, 50u);
  EXPECT_EQ(counts.reasons[0], 50u);
  EXPECT_EQ(counts.total.count(), 50u);
  EXPECT_EQ(pool.workers(), 2u);
}

TEST_F(Pools, GiveEachActionItsInput) {
  Pool pool = value(Pool::create(load("echo_input"), pool_options()));
  std::mutex mutex;
  std::map<int, std::string> outputs;
  for (int i = 0; i < 500; ++i) {
    auto submitted = pool.submit(fmt::format("input {}", i), [&, i](Result<Outcome> outcome) {
      const std::lock_guard lock(mutex);
      outputs[i] = value(std::move(outcome)).output;
    });
    ASSERT_TRUE(submitted);
  }
  pool.drain();
  ASSERT_EQ(outputs.size(), 500u);
  for (const auto& [i, output] : outputs) EXPECT_EQ(output, fmt::format("input {}", i));
}

TEST_F(Pools, InitialiseTheImageOnce) {
  Pool pool = value(Pool::create(load("ready_state"), pool_options()));
  const std::string first = value(pool.run("x")).output;
  EXPECT_FALSE(first.empty());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(value(pool.run("x")).output, first);
}

TEST_F(Pools, ForgetWhatAnActionCounted) {
  Pool pool = value(Pool::create(load("counter_action"), pool_options()));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(value(pool.run()).output, "1\n");
}

TEST_F(Pools, RepeatWhatWasPrintedBeforeReady) {
  Pool pool = value(Pool::create(load("ready_output"), pool_options()));
  const Outcome first = value(pool.run());
  EXPECT_FALSE(first.output.empty());
  EXPECT_FALSE(first.diagnostics.empty());
  for (int i = 0; i < 20; ++i) {
    const Outcome next = value(pool.run());
    EXPECT_EQ(next.output, first.output);
    EXPECT_EQ(next.diagnostics, first.diagnostics);
  }
}

TEST_F(Pools, GoOnAfterActionsThatFail) {
  PoolOptions options = pool_options();
  options.machine.deadline = enough(400);
  Pool pool = value(Pool::create(load("spy"), options));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(value(pool.run(fill("exit_7"))).status, 7);
    EXPECT_EQ(value(pool.run(fill("abort"))).reason, Reason::kAbort);
    EXPECT_EQ(value(pool.run(fill("hlt"))).reason, Reason::kFault);
    EXPECT_EQ(value(pool.run(fill("spin"))).reason, Reason::kDeadline);
  }
  const PoolStatistics counts = pool.statistics();
  EXPECT_EQ(counts.completed, 12u);
  for (Reason reason : {Reason::kExit, Reason::kAbort, Reason::kFault, Reason::kDeadline}) {
    EXPECT_EQ(counts.reasons[static_cast<std::size_t>(reason)], 3u) << to_string(reason);
  }
}

// After its `ready` the first action waits until something is written to its disk, which happens only when the others
// have ended.
TEST_F(Pools, WaitForTheFirstActionOnlyUntilItIsReady) {
  const std::string disk = fmt::format("{}spry-pool-disk-{}", testing::TempDir(), getpid());
  std::ofstream(disk, std::ios::binary) << std::string(65536, 'd');
  PoolOptions options = pool_options(3);
  options.machine.devices.push_back(block_device("disk", disk + ",shared"));
  options.machine.max_input = 4 << 20;
  options.machine.deadline = enough(20'000);
  Pool pool = value(Pool::create(load("leftovers"), options));
  ASSERT_TRUE(pool.submit("wait", 1));
  ASSERT_TRUE(pool.submit("look", 2));
  ASSERT_TRUE(pool.submit("look", 3));
  for (int ended = 0; ended < 3;) {
    pollfd descriptor = {pool.descriptor(), POLLIN, 0};
    ASSERT_EQ(poll(&descriptor, 1, -1), 1);
    while (auto completion = pool.take()) {
      const Outcome outcome = value(std::move(completion->outcome));
      EXPECT_EQ(outcome.output, completion->ticket == 1 ? "banner, waited\n" : "banner, clean\n") << outcome.message;
      if (++ended == 2) std::fstream(disk, std::ios::binary | std::ios::in | std::ios::out) << 'g';
    }
  }
  unlink(disk.c_str());
}

TEST_F(Pools, InitialiseAgainAfterAFailure) {
  PoolOptions options = pool_options();
  options.machine.deadline = std::chrono::nanoseconds(1);
  Pool slow = value(Pool::create(load("ready_state"), options));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(value(slow.run("x")).reason, Reason::kDeadline);
}

TEST_F(Pools, AreForEventLoopsToo) {
  Pool pool = value(Pool::create(load("echo_input"), pool_options()));
  for (std::uint64_t ticket = 0; ticket < 20; ++ticket) ASSERT_TRUE(pool.submit(fmt::format("{}", ticket), ticket));
  int fetched = 0;
  while (fetched < 20) {
    pollfd descriptor = {pool.descriptor(), POLLIN, 0};
    ASSERT_EQ(poll(&descriptor, 1, 10'000), 1);
    while (auto completion = pool.take()) {
      EXPECT_EQ(value(std::move(completion->outcome)).output, fmt::format("{}", completion->ticket));
      ++fetched;
    }
  }
  pollfd descriptor = {pool.descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&descriptor, 1, 0), 0);
}

// Outcomes that nobody takes hold the worker back. A `submit` that would wait for that worker in vain is an Error;
// `drain` is not held up.
TEST_F(Pools, HoldBackWorkersWhileOutcomesAreNotTaken) {
  PoolOptions options = pool_options(1);
  options.queue = 2;
  options.completion_bytes = 1000;
  Pool pool = value(Pool::create(load("echo_input"), options));
  const std::string input(600, 'x');
  Result<void> submitted;
  std::uint64_t count = 0;
  while ((submitted = pool.submit(input, count))) ASSERT_LT(++count, 100u);
  EXPECT_NE(submitted.error().message.find("1200 bytes of outcomes wait to be taken, more than the 1000 that may"),
            std::string::npos)
      << submitted.error().message;
  // Two outcomes that are not taken, and two actions that wait.
  EXPECT_EQ(count, 4u);
  EXPECT_EQ(pool.statistics().waiting, 2u);
  pool.drain();
  EXPECT_EQ(pool.statistics().waiting, 0u);
  EXPECT_EQ(value(pool.run(input)).output, input);
  for (std::uint64_t ticket = 0; ticket < count; ++ticket) {
    auto completion = pool.take();
    ASSERT_TRUE(completion);
    EXPECT_EQ(completion->ticket, ticket);
    EXPECT_EQ(value(std::move(completion->outcome)).output, input);
  }
  EXPECT_TRUE(pool.submit(input, 7));
  pool.drain();
  EXPECT_EQ(pool.take()->ticket, 7u);
}

// The bytes of inputs that wait are bounded too. A single input finds room, however long it is.
TEST_F(Pools, HoldNoMoreBytesOfInputsThanTheyMay) {
  PoolOptions options = pool_options(1);
  options.queue_bytes = 100'000;
  options.machine.deadline = enough(300);
  Pool pool = value(Pool::create(load("spy"), options));
  auto nothing = [](const Result<Outcome>&) {};
  ASSERT_TRUE(pool.submit(fill("spin"), nothing));
  while (pool.statistics().waiting != 0) std::this_thread::yield();
  const std::string large = "seed\n" + std::string(200'000, ' ');
  const std::string small = "seed\n" + std::string(1000, ' ');
  EXPECT_TRUE(value(pool.try_submit(large, nothing)));
  EXPECT_FALSE(value(pool.try_submit(small, nothing)));
  ASSERT_TRUE(pool.submit(small, nothing));
  pool.drain();
  EXPECT_EQ(pool.statistics().completed, 3u);
}

// An action that holds a worker until its deadline, while others wait.
TEST_F(Pools, HoldBackWhatFindsNoRoom) {
  PoolOptions options = pool_options(1);
  options.queue = 2;
  options.machine.deadline = enough(300);
  Pool pool = value(Pool::create(load("spy"), options));
  std::atomic<int> done = 0;
  auto count = [&done](const Result<Outcome>&) { ++done; };
  const std::string spin = fill("spin");
  ASSERT_TRUE(pool.submit(spin, count));
  while (pool.statistics().waiting != 0) std::this_thread::yield();
  EXPECT_TRUE(value(pool.try_submit("seed\n", count)));
  EXPECT_TRUE(value(pool.try_submit("seed\n", count)));
  EXPECT_FALSE(value(pool.try_submit("seed\n", count)));
  ASSERT_TRUE(pool.submit("seed\n", count));
  pool.drain();
  EXPECT_EQ(done, 4);
}

TEST_F(Pools, FinishOrCancelWhatWaits) {
  for (const Pool::Close how : {Pool::Close::kFinish, Pool::Close::kCancel}) {
    PoolOptions options = pool_options(1);
    options.machine.deadline = milliseconds(100);
    Pool pool = value(Pool::create(load("spy"), options));
    std::atomic<int> outcomes = 0;
    std::atomic<int> errors = 0;
    auto count = [&](const Result<Outcome>& outcome) { ++(outcome ? outcomes : errors); };
    ASSERT_TRUE(pool.submit(fill("spin"), count));
    while (pool.statistics().waiting != 0) std::this_thread::yield();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(pool.submit("seed\n", count));
    pool.close(how);
    EXPECT_EQ(outcomes, how == Pool::Close::kFinish ? 6 : 1);
    EXPECT_EQ(errors, how == Pool::Close::kFinish ? 0 : 5);
    EXPECT_FALSE(pool.run("seed\n"));
    EXPECT_EQ(pool.statistics().cancelled, how == Pool::Close::kFinish ? 0u : 5u);
  }
}

TEST_F(Pools, GiveAnActionADeadlineOfItsOwn) {
  PoolOptions options = pool_options(1);
  options.machine.deadline = std::chrono::hours(1);
  Pool pool = value(Pool::create(load("spy"), options));
  const ActionOptions brief = {milliseconds(50)};
  EXPECT_EQ(value(pool.run(fill("spin"), brief)).reason, Reason::kDeadline);
  std::atomic<int> ended = 0;
  auto judge = [&ended](const Result<Outcome>& outcome) {
    ended += outcome && outcome->reason == Reason::kDeadline ? 1 : 0;
  };
  ASSERT_TRUE(pool.submit(fill("spin"), judge, brief));
  ASSERT_TRUE(value(pool.try_submit(fill("spin"), judge, brief)));
  ASSERT_TRUE(pool.submit(fill("spin"), 7, brief));
  pool.drain();
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(value(std::move(pool.take()->outcome)).reason, Reason::kDeadline);
  EXPECT_EQ(value(pool.run(fill("exit"))).reason, Reason::kExit);
}

TEST_F(Pools, TakeBackWhatStillWaits) {
  PoolOptions options = pool_options(1);
  options.machine.deadline = enough(300);
  options.queue = 3;
  Pool pool = value(Pool::create(load("spy"), options));
  ASSERT_TRUE(pool.submit(fill("spin"), 1));
  while (pool.statistics().waiting != 0) std::this_thread::yield();
  for (const std::uint64_t ticket : {2u, 3u, 3u}) ASSERT_TRUE(pool.submit(fill("exit"), ticket));
  EXPECT_FALSE(pool.cancel(1));
  EXPECT_FALSE(pool.cancel(4));
  EXPECT_TRUE(pool.cancel(3));
  const auto cancelled = pool.take();
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->ticket, 3u);
  ASSERT_FALSE(cancelled->outcome);
  EXPECT_EQ(cancelled->outcome.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(cancelled->outcome.error().message, guest("spy") + ": the action was cancelled before it began");
  // There is room again.
  EXPECT_TRUE(value(pool.try_submit(fill("exit"), [](const Result<Outcome>&) {})));
  EXPECT_TRUE(pool.cancel(2));
  EXPECT_TRUE(pool.cancel(3));
  EXPECT_FALSE(pool.cancel(3));
  pool.drain();
  std::size_t fetched = 0;
  while (pool.take()) ++fetched;
  EXPECT_EQ(fetched, 3u);
  const PoolStatistics counts = pool.statistics();
  EXPECT_EQ(counts.cancelled, 3u);
  EXPECT_EQ(counts.submitted, counts.completed + counts.failed + counts.cancelled);
}

// Each action is cancelled or has an outcome, and drain() waits for all.
TEST_F(Pools, TakeBackWhileWorkersTake) {
  Pool pool = value(Pool::create(load("hello"), pool_options()));
  constexpr std::uint64_t kActions = 500;
  std::atomic<std::uint64_t> submitted = 0;
  std::uint64_t taken_back = 0;
  std::thread other([&] {
    for (std::uint64_t ticket = 0; ticket < kActions;) {
      if (ticket < submitted) taken_back += pool.cancel(ticket++) ? 1u : 0u;
    }
  });
  for (std::uint64_t ticket = 0; ticket < kActions; ++ticket) {
    EXPECT_TRUE(pool.submit("", ticket));
    ++submitted;
  }
  other.join();
  pool.drain();
  std::uint64_t cancelled = 0;
  std::uint64_t completed = 0;
  while (auto completion = pool.take()) ++(completion->outcome ? completed : cancelled);
  EXPECT_EQ(cancelled, taken_back);
  EXPECT_EQ(cancelled + completed, kActions);
}

// Two threads call `close`: each call returns only when all actions have been told of.
TEST_F(Pools, HaveToldOfAllActionsWhenACloseReturns) {
  const Image image = load("hello");
  for (int i = 0; i < 20; ++i) {
    Pool pool = value(Pool::create(image, pool_options(1)));
    constexpr std::size_t kActions = 100;
    for (std::size_t ticket = 0; ticket < kActions; ++ticket) ASSERT_TRUE(pool.submit("", ticket));
    std::thread other([&pool] { pool.close(Pool::Close::kCancel); });
    pool.close(Pool::Close::kFinish);
    std::size_t ended = 0;
    while (pool.take()) ++ended;
    EXPECT_EQ(ended, kActions);
    other.join();
  }
}

TEST_F(Pools, DoNotGrow) {
#ifdef SPRY_SANITIZED
  GTEST_SKIP() << "a sanitizer's own memory grows";
#endif
  constexpr std::uint64_t kWarmUp = 2000;
  constexpr std::uint64_t kActions = 20'000;
  constexpr std::uint64_t kSlack = 1024;
  Pool pool = value(Pool::create(load("hello"), pool_options()));
  std::atomic<std::uint64_t> right = 0;
  auto judge = [&right](const Result<Outcome>& outcome) { right += outcome && outcome->output == "Hello\n" ? 1 : 0; };
  for (std::uint64_t i = 0; i < kWarmUp; ++i) ASSERT_TRUE(pool.submit("", judge));
  pool.drain();
  const Held before = held();
  for (std::uint64_t i = 0; i < kActions; ++i) ASSERT_TRUE(pool.submit("", judge));
  pool.drain();
  const Held after = held();
  EXPECT_LE(after.resident, before.resident + kSlack);
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(right, kWarmUp + kActions);
  pool.close(Pool::Close::kFinish);
  const PoolStatistics counts = pool.statistics();
  EXPECT_EQ(counts.submitted, kWarmUp + kActions);
  EXPECT_EQ(counts.completed, counts.submitted);
  EXPECT_EQ(counts.reasons[0], counts.submitted);
  EXPECT_EQ(counts.resets, counts.submitted);
  EXPECT_EQ(counts.failed + counts.cancelled + counts.rebuilds + counts.waiting, 0u);
}

TEST_F(Pools, LiveSideBySide) {
  Pool hello = value(Pool::create(load("hello"), pool_options(1)));
  Pool echo = value(Pool::create(load("echo_input"), pool_options(1)));
  std::thread other([&] {
    for (int i = 0; i < 200; ++i) EXPECT_EQ(value(hello.run()).output, "Hello\n");
  });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(value(echo.run("x")).output, "x");
  other.join();
}

TEST_F(Pools, RefuseADiskThatWouldKeepWhatAnActionWrites) {
  PoolOptions options = pool_options();
  const std::string path = testing::TempDir() + "spry-pool-disk";
  // The disk holds no zeros: what an action reads from it must be gone from memory for the next.
  std::ofstream(path) << std::string(65536, 'd');
  options.machine.devices = {capture(), block_device("disk", path)};
  const auto refused = Pool::create(load("block_action"), options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("serves one action only"), std::string::npos) << refused.error().message;
  for (const char* suffix : {",ro", ",overlay", ",shared"}) {
    options.machine.devices = {capture(), block_device("disk", path + suffix)};
    Pool pool = value(Pool::create(load("block_action"), options));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(value(pool.run()).status, 0) << suffix;
  }
  unlink(path.c_str());
}

}  // namespace
}  // namespace spry
