#include "tool/load.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <queue>
#include <thread>

#include "tool/priority.h"
#include "tool/processors.h"

namespace spry::bench {
namespace {

// A load in progress. A slot is the right to have one action in flight. Each free slot has the time since which it is
// free, so that waiting for a slot can be told from lateness of the generator.
class OpenLoad {
 public:
  OpenLoad(System& system, std::vector<Nanoseconds> arrivals, const LoadOptions& options)
      : system_(system),
        options_(options),
        arrivals_(std::move(arrivals)),
        slot_count_(system.queues() ? arrivals_.size() : options.in_flight) {
    for (std::size_t i = 0; i < slot_count_; ++i) slots_.push(Nanoseconds{});
    served_.reserve(arrivals_.size());
  }

  void run() {
    start_ = Clock::now();
    std::vector<std::thread> threads;
    const unsigned dispatchers = system_.submission_blocks() ? std::max(1U, options_.dispatchers) : 1;
    for (unsigned i = 0; i < dispatchers; ++i) {
      threads.emplace_back([this] { dispatch(); });
    }
    for (std::thread& thread : threads) thread.join();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return slots_.size() == slot_count_; });
  }

  const std::vector<Served>& served() const { return served_; }
  const std::string& failure() const { return failure_; }

 private:
  // While more than kBacklog actions are in flight, the generator wakes every kRest at most: to wake for each arrival
  // would take processor time from the actions. It then submits all that have arrived, and their lag counts.
  static constexpr std::size_t kBacklog = kLeastInFlight;
  static constexpr Nanoseconds kRest = std::chrono::microseconds(200);

  Nanoseconds now() const { return Clock::now() - start_; }

  void dispatch() {
    measure_first();
    while (true) {
      std::unique_lock lock(mutex_);
      if (next_ == arrivals_.size()) return;
      const Nanoseconds scheduled = arrivals_[next_++];
      if (const Nanoseconds current = now(); current < scheduled) {
        const bool backlog = slot_count_ - slots_.size() > kBacklog;
        lock.unlock();
        sleep_until(start_ + (backlog ? std::max(scheduled, current + kRest) : scheduled));
        lock.lock();
      }
      // After the end of the load, nothing of the queue is started any more.
      if (!changed_.wait_until(lock, start_ + options_.duration, [this] { return !slots_.empty(); })) return;
      const Nanoseconds eligible = std::max(scheduled, slots_.front());
      slots_.pop();
      lock.unlock();
      submit(scheduled, eligible);
    }
  }

  void submit(Nanoseconds scheduled, Nanoseconds eligible) {
    const Nanoseconds submitted = now();
    if (submitted >= options_.duration) {
      const std::lock_guard lock(mutex_);
      release(submitted);
      return;
    }
    system_.submit([this, scheduled, eligible, submitted](Result<Action> action) {
      Served served{scheduled, eligible, submitted, {}, {}, !action};
      if (action) {
        served.hello = action->hello - start_;
        served.end = action->end - start_;
      } else {
        served.end = now();
      }
      const std::lock_guard lock(mutex_);
      served_.push_back(served);
      if (!action && failure_.empty()) failure_ = action.error().message;
      release(served.end);
    });
  }

  // Frees a slot, which is free since `since`. The caller holds the mutex.
  void release(Nanoseconds since) {
    slots_.push(since);
    // Wakes a dispatcher that waits for a slot, or `run`, which waits for all of them.
    if (slots_.size() == slot_count_)
      changed_.notify_all();
    else
      changed_.notify_one();
  }

  System& system_;
  const LoadOptions& options_;
  Time start_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Nanoseconds> arrivals_;
  std::size_t slot_count_;
  std::size_t next_ = 0;
  std::queue<Nanoseconds> slots_;
  std::vector<Served> served_;
  std::string failure_;
};

void add(ClosedResult& result, const Action& action) {
  result.hello.push_back(microseconds(action.hello - action.start));
  result.end.push_back(microseconds(action.end - action.start));
}

void add_failure(ClosedResult& result, const std::string& failure) {
  ++result.failures;
  if (result.failure.empty()) result.failure = failure;
}

// A closed load: at the end of each action the next one is submitted.
class Chains {
 public:
  Chains(System& system, Nanoseconds duration) : system_(system), duration_(duration) {}

  void run(ClosedResult& result) {
    start_ = Clock::now();
    running_ = result.in_flight;
    for (std::size_t i = 0; i < result.in_flight; ++i) submit();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    for (const Action& action : actions_) add(result, action);
    for (const std::string& failure : failures_) add_failure(result, failure);
    if (!actions_.empty()) result.achieved = static_cast<double>(actions_.size()) / seconds(last_ - start_);
  }

 private:
  void submit() {
    system_.submit([this](Result<Action> action) {
      const bool over = !action || Clock::now() - start_ >= duration_;
      {
        const std::lock_guard lock(mutex_);
        if (action) {
          actions_.push_back(*action);
          last_ = std::max(last_, action->end);
        } else {
          failures_.push_back(action.error().message);
        }
        if (over && --running_ == 0) done_.notify_all();
      }
      if (!over) submit();
    });
  }

  System& system_;
  Nanoseconds duration_;
  Time start_;
  Time last_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t running_ = 0;
  std::vector<Action> actions_;
  std::vector<std::string> failures_;
};

void add_processor_time(LoadResult& result, const ProcessorTime& before, const ProcessorTime& after) {
  constexpr double kMicrosecond = 1e-6;
  const double busy = after.busy - before.busy;
  if (after.all > before.all) result.busy = busy / (after.all - before.all);
  if (result.completed != 0) result.processor_time = busy / kMicrosecond / static_cast<double>(result.completed);
}

}  // namespace

LoadResult account(double rate, Nanoseconds duration, std::size_t arrivals, const std::vector<Served>& served) {
  LoadResult result;
  result.offered = rate;
  result.arrivals = arrivals;
  result.abandoned = arrivals - served.size();
  const Nanoseconds from = from_seconds(seconds(duration) * kWarmUpShare);
  std::size_t ended = 0;
  std::size_t queued = 0;
  for (const Served& one : served) {
    if (one.failed) {
      ++result.failures;
      continue;
    }
    ++result.completed;
    if (one.end >= from && one.end < duration) ++ended;
    if (one.scheduled < from) continue;
    if (one.eligible > one.scheduled) ++queued;
    result.hello.push_back(microseconds(one.hello - one.scheduled));
    result.end.push_back(microseconds(one.end - one.scheduled));
    result.lag.push_back(microseconds(one.submitted - one.eligible));
  }
  result.ended = ended;
  const double window = seconds(duration - from);
  result.achieved = static_cast<double>(ended) / window;
  const std::size_t measured = result.hello.size() + result.abandoned;
  result.due = measured;
  result.queued = measured == 0 ? 0 : static_cast<double>(queued + result.abandoned) / static_cast<double>(measured);
  result.arrived = static_cast<double>(measured) / window;
  return result;
}

LoadResult run_open_load(System& system, double rate, const LoadOptions& options) {
  std::vector<Nanoseconds> arrivals = make_arrivals(options.pattern, rate, options.duration, options.seed);
  const std::size_t count = arrivals.size();
  OpenLoad load(system, std::move(arrivals), options);
  const Result<ProcessorTime> before = processor_time();
  load.run();
  const Result<ProcessorTime> after = processor_time();
  LoadResult result = account(rate, options.duration, count, load.served());
  result.failure = load.failure();
  if (before && after) add_processor_time(result, *before, *after);
  return result;
}

ClosedResult run_closed_load(System& system, std::size_t in_flight, Nanoseconds duration) {
  ClosedResult result;
  result.in_flight = in_flight;
  if (system.queues()) {
    Chains(system, duration).run(result);
    return result;
  }
  std::mutex mutex;
  Time last;
  std::condition_variable ready;
  std::size_t ready_count = 0;
  Time start;

  const auto loop = [&] {
    Result<std::unique_ptr<Runner>> runner = system.runner();
    std::vector<Action> actions;
    std::string failure;
    {
      // All threads begin together, when each has its runner.
      std::unique_lock lock(mutex);
      if (++ready_count == in_flight) {
        start = Clock::now();
        ready.notify_all();
      }
      ready.wait(lock, [&] { return ready_count == in_flight; });
    }
    if (!runner) failure = runner.error().message;
    while (failure.empty() && Clock::now() - start < duration) {
      const Result<Action> action = (*runner)->run();
      if (action) {
        actions.push_back(*action);
      } else {
        failure = action.error().message;
      }
    }
    const std::lock_guard lock(mutex);
    if (!failure.empty()) add_failure(result, failure);
    for (const Action& action : actions) {
      last = std::max(last, action.end);
      add(result, action);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < in_flight; ++i) threads.emplace_back(loop);
  for (std::thread& thread : threads) thread.join();
  if (last > start) result.achieved = static_cast<double>(result.end.size()) / seconds(last - start);
  return result;
}

}  // namespace spry::bench
