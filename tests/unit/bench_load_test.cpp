#include <algorithm>
#include <atomic>

#include "tool/in_process.h"
#include "tool/load.h"

namespace spry::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Arrivals, ConstantOnesAreEvenlySpaced) {
  EXPECT_EQ(
      make_arrivals(Pattern::kConstant, 1000, milliseconds(5), 1),
      (std::vector<Nanoseconds>{milliseconds(0), milliseconds(1), milliseconds(2), milliseconds(3), milliseconds(4)}));
}

TEST(Arrivals, AreTheSameForTheSameSeed) {
  const auto first = make_arrivals(Pattern::kPoisson, 1000, seconds(1), 7);
  EXPECT_EQ(first, make_arrivals(Pattern::kPoisson, 1000, seconds(1), 7));
  EXPECT_NE(first, make_arrivals(Pattern::kPoisson, 1000, seconds(1), 8));
}

// The seed is fixed, so the outcome of this test is too.
TEST(Arrivals, ArePoisson) {
  constexpr double kRate = 1000;
  const auto arrivals = make_arrivals(Pattern::kPoisson, kRate, seconds(20), 1);
  ASSERT_NEAR(static_cast<double>(arrivals.size()), 20 * kRate, 500);
  EXPECT_TRUE(std::is_sorted(arrivals.begin(), arrivals.end()));
  EXPECT_LT(arrivals.back(), seconds(20));
  // The gaps of a Poisson process have a standard deviation as large as their mean, and 1 - 1/e of them are below it.
  double sum = 0;
  double squares = 0;
  double below = 0;
  for (std::size_t i = 1; i < arrivals.size(); ++i) {
    const double gap = spry::bench::seconds(arrivals[i] - arrivals[i - 1]) * kRate;
    sum += gap;
    squares += gap * gap;
    below += gap < 1 ? 1 : 0;
  }
  const auto count = static_cast<double>(arrivals.size() - 1);
  EXPECT_NEAR(sum / count, 1, 0.03);
  EXPECT_NEAR(squares / count, 2, 0.15);
  EXPECT_NEAR(below / count, 0.632, 0.02);
}

TEST(Account, TellsLagFromQueueing) {
  // Ten actions a second for ten seconds; the first second is warm-up.
  const Served on_time{
      seconds(2), seconds(2), seconds(2) + microseconds(5), seconds(2) + milliseconds(1), seconds(2) + milliseconds(2),
      false};
  const Served queued{
      seconds(3), seconds(4), seconds(4) + microseconds(7), seconds(4) + milliseconds(1), seconds(4) + milliseconds(2),
      false};
  const LoadResult result = account(10, seconds(10), 2, {on_time, queued});
  EXPECT_EQ(result.lag, (std::vector<double>{5, 7}));
  EXPECT_EQ(result.hello, (std::vector<double>{1000, 1001000}));
  EXPECT_EQ(result.end, (std::vector<double>{2000, 1002000}));
  EXPECT_DOUBLE_EQ(result.queued, 0.5);
  EXPECT_EQ(result.completed, 2u);
  EXPECT_EQ(result.abandoned, 0u);
}

TEST(Account, CountsTheMeasuredWindowAlone) {
  const auto served = [](Nanoseconds scheduled, Nanoseconds end) {
    return Served{scheduled, scheduled, scheduled, end, end, false};
  };
  const LoadResult result = account(1, seconds(10), 5,
                                    {served(milliseconds(100), milliseconds(200)),     // before the window
                                     served(milliseconds(900), milliseconds(1500)),    // ends inside it
                                     served(seconds(5), seconds(6)),                   // inside it
                                     served(milliseconds(9900), milliseconds(10500))}  // ends after it
  );
  EXPECT_EQ(result.arrivals, 5u);
  EXPECT_EQ(result.completed, 4u);
  EXPECT_EQ(result.abandoned, 1u);
  EXPECT_EQ(result.due, 3u);  // two that were served, and one that was not
  EXPECT_EQ(result.ended, 2u);
  EXPECT_DOUBLE_EQ(result.arrived, 3.0 / 9);
  EXPECT_DOUBLE_EQ(result.achieved, 2.0 / 9);
}

TEST(Account, LeavesFailuresOutOfTheLatencies) {
  const Served failed{seconds(2), seconds(2), seconds(2), {}, seconds(3), true};
  const LoadResult result = account(1, seconds(10), 1, {failed});
  EXPECT_EQ(result.failures, 1u);
  EXPECT_EQ(result.completed, 0u);
  EXPECT_TRUE(result.hello.empty());
}

// A system that counts, and ends each action at once on the submitting thread.
class Instant : public System {
 public:
  Instant() : System({"instant", "instant", "nothing"}) {}
  Result<void> prepare() override { return {}; }
  Result<std::unique_ptr<Runner>> runner() override {
    class Now : public Runner {
      Result<Action> run() override {
        const Time now = Clock::now();
        return Action{now, now, now};
      }
    };
    return std::make_unique<Now>();
  }
  bool submission_blocks() const override { return true; }
  void submit(Completion done) override {
    const Time now = Clock::now();
    ++count;
    if (fails) {
      done(fail(ErrorCode::kMonitor, "it fails"));
    } else {
      done(Action{now, now, now});
    }
  }

  bool fails = false;
  std::atomic<std::size_t> count = 0;
};

TEST(OpenLoad, SubmitsWhatArrivedAndAccountsForAll) {
  Instant system;
  LoadOptions options;
  options.pattern = Pattern::kConstant;
  options.duration = milliseconds(50);
  const LoadResult result = run_open_load(system, 1000, options);
  EXPECT_EQ(result.arrivals, 50u);
  EXPECT_EQ(system.count, result.completed);
  EXPECT_EQ(result.completed + result.abandoned, result.arrivals);
  EXPECT_EQ(result.failures, 0u);
  for (const double lag : result.lag) EXPECT_GE(lag, 0);
}

TEST(OpenLoad, CountsFailuresAndKeepsTheFirst) {
  Instant system;
  system.fails = true;
  LoadOptions options;
  options.duration = milliseconds(20);
  const LoadResult result = run_open_load(system, 1000, options);
  EXPECT_EQ(result.failures, system.count);
  EXPECT_EQ(result.failure, "it fails");
  EXPECT_TRUE(result.hello.empty());
}

// Counts how many actions run at once.
class Counting : public Runner {
 public:
  Counting(std::atomic<std::size_t>& current, std::atomic<std::size_t>& most) : current_(current), most_(most) {}
  Result<Action> run() override {
    const Time start = Clock::now();
    const std::size_t now = ++current_;
    for (std::size_t before = most_; before < now && !most_.compare_exchange_weak(before, now);) {
    }
    std::this_thread::sleep_for(milliseconds(5));
    --current_;
    const Time end = Clock::now();
    return Action{start, end, end};
  }

 private:
  std::atomic<std::size_t>& current_;
  std::atomic<std::size_t>& most_;
};

TEST(OpenLoad, HasNoMoreInFlightThanAllowed) {
  std::atomic<std::size_t> current = 0;
  std::atomic<std::size_t> most = 0;
  InProcessSystem system(
      {"many", "many", "many"}, [&] { return std::make_unique<Counting>(current, most); }, 100);
  LoadOptions options;
  options.pattern = Pattern::kConstant;
  options.duration = milliseconds(100);
  const LoadResult result = run_open_load(system, 50000, options);
  EXPECT_LE(most, kLeastInFlight);
  EXPECT_EQ(result.failures, 0u);
  EXPECT_EQ(result.completed + result.abandoned, result.arrivals);
}

TEST(ClosedLoad, RunsEachLoopToItsEnd) {
  Instant system;
  const ClosedResult result = run_closed_load(system, 3, milliseconds(20));
  EXPECT_EQ(result.in_flight, 3u);
  EXPECT_EQ(result.failures, 0u);
  EXPECT_GT(result.achieved, 0);
  EXPECT_EQ(result.hello.size(), result.end.size());
}

// Ends what is submitted on a thread of its own, one after the other.
class Queueing : public InProcessSystem {
 public:
  using InProcessSystem::InProcessSystem;
  bool queues() const override { return true; }
};

TEST(OpenLoad, LeavesQueueingToASystemThatDoes) {
  std::atomic<std::size_t> current = 0;
  std::atomic<std::size_t> most = 0;
  Queueing system(
      {"queue", "queue", "queue"}, [&] { return std::make_unique<Counting>(current, most); }, 100);
  LoadOptions options;
  options.pattern = Pattern::kConstant;
  options.duration = milliseconds(400);
  const LoadResult result = run_open_load(system, 50000, options);
  EXPECT_GT(most, kLeastInFlight);
  EXPECT_EQ(result.queued, static_cast<double>(result.abandoned) / static_cast<double>(result.due));
  EXPECT_EQ(result.completed + result.abandoned, result.arrivals);
}

TEST(ClosedLoad, FollowsEachActionByTheNextWhereTheSystemQueues) {
  std::atomic<std::size_t> current = 0;
  std::atomic<std::size_t> most = 0;
  Queueing system(
      {"queue", "queue", "queue"}, [&] { return std::make_unique<Counting>(current, most); }, 3);
  const ClosedResult result = run_closed_load(system, 5, milliseconds(50));
  EXPECT_LE(most, 3u);
  EXPECT_EQ(result.failures, 0u);
  EXPECT_EQ(result.hello.size(), result.end.size());
  EXPECT_GE(result.end.size(), 5u);
  EXPECT_GT(result.achieved, 0);
}

TEST(ClosedLoad, EndsWhereTheSystemQueuesAndFails) {
  Queueing system(
      {"none", "none", "none"},
      []() -> Result<std::unique_ptr<Runner>> { return fail(ErrorCode::kMonitor, "no machine"); }, 1);
  const ClosedResult result = run_closed_load(system, 3, milliseconds(50));
  EXPECT_EQ(result.failures, 3u);
  EXPECT_EQ(result.failure, "no machine");
}

// An in-process system makes its runners on the threads that use them.
class SameThread : public Runner {
 public:
  Result<Action> run() override {
    if (std::this_thread::get_id() != made_on_) return fail(ErrorCode::kMonitor, "another thread");
    const Time now = Clock::now();
    return Action{now, now, now};
  }

 private:
  std::thread::id made_on_ = std::this_thread::get_id();
};

TEST(InProcess, RunnersStayOnTheirThreads) {
  InProcessSystem system(
      {"same", "same", "same"}, [] { return std::make_unique<SameThread>(); }, 2);
  ASSERT_TRUE(system.prepare());
  LoadOptions options;
  options.duration = milliseconds(20);
  const LoadResult result = run_open_load(system, 1000, options);
  EXPECT_EQ(result.failures, 0u) << result.failure;
  EXPECT_EQ(run_closed_load(system, 2, milliseconds(10)).failures, 0u);
}

TEST(InProcess, SaysWhyItHasNoRunner) {
  InProcessSystem system(
      {"none", "none", "none"},
      []() -> Result<std::unique_ptr<Runner>> { return fail(ErrorCode::kMonitor, "no machine"); }, 1);
  const Result<void> prepared = system.prepare();
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().message, "no machine");
  LoadOptions options;
  options.duration = milliseconds(500);  // a busy host may begin late, and starts nothing after it
  options.pattern = Pattern::kConstant;
  EXPECT_EQ(run_open_load(system, 100, options).failure, "no machine");
  EXPECT_EQ(run_closed_load(system, 1, milliseconds(1)).failure, "no machine");
}

}  // namespace
}  // namespace spry::bench
