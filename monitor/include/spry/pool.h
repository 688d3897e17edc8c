// Pool: workers with machines that are kept ready, for many actions of one image.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spry/api.h"
#include "spry/error.h"
#include "spry/image.h"
#include "spry/machine.h"
#include "spry/snapshot.h"

namespace spry {

struct PoolOptions {
  // For each machine; `reusable` is set by the pool.
  MachineOptions machine = {};
  // Threads, each with one machine of its own; 0: one for each CPU that this process may run on, but no more than its
  // control groups let it use (cpu.max), rounded up.
  unsigned workers = 0;
  // Actions that wait at most; `submit` waits for room and `try_submit` refuses. At least 1.
  std::size_t queue = 1024;
  // Bytes of inputs that wait at most; beyond them `submit` waits and `try_submit` refuses as for `queue`. A single
  // input may wait however long it is.
  std::uint64_t queue_bytes = std::uint64_t{256} << 20;
  // Bytes of outcomes that wait for `take`: while more wait, no worker begins another action. Beyond these bytes each
  // worker may add the outcome of the action that it was running.
  std::uint64_t completion_bytes = std::uint64_t{256} << 20;
};

// Counts durations in buckets: there are 32 from each power of two of nanoseconds to the next. So a duration is known
// with a precision of 1 in 32.
class SPRY_API Histogram {
 public:
  void add(std::chrono::nanoseconds duration);
  void add(const Histogram& other);
  std::uint64_t count() const { return count_; }
  // The quantile (0.99 = p99), as its bucket's midpoint; 0 if there are no durations.
  std::chrono::nanoseconds quantile(double fraction) const;
  std::chrono::nanoseconds largest() const { return std::chrono::nanoseconds(largest_); }

 private:
  static constexpr unsigned kParts = 32;
  static constexpr unsigned kPowers = 59;
  std::array<std::uint64_t, kParts* kPowers> counts_ = {};
  std::uint64_t count_ = 0;
  std::uint64_t largest_ = 0;
};

// submitted = completed + failed + cancelled + those that wait or run.
struct PoolStatistics {
  Platform platform = Platform::kAutomatic;  // of its machines; never kAutomatic
  std::uint64_t submitted = 0;
  std::uint64_t completed = 0;                // with an Outcome; the reasons sum up to it
  std::array<std::uint64_t, 7> reasons = {};  // by Reason
  std::uint64_t failed = 0;                   // with an Error
  std::uint64_t cancelled = 0;                // by cancel or close
  std::uint64_t resets = 0;                   // after an action that exited
  std::uint64_t resets_after_failure = 0;     // after one that ended in any other way
  std::uint64_t rebuilds = 0;                 // of machines that could not be reset
  std::uint64_t machines = 0;                 // made so far, rebuilds included
  std::size_t waiting = 0;                    // in the queue now
  Histogram queue;                            // from submission to the beginning
  Histogram service;                          // from the beginning to the outcome
  Histogram reset;                            // what follows before the worker takes its next action
  Histogram total;                            // from submission to the outcome
};

struct PoolData;

// All calls may be made by several threads at once, but none during or after the destructor. A pool installs no signal
// handler, and its threads block all signals that can be blocked.
//
// A pool belongs to the process that made it. In a child that this process forks, `submit` and `run` are Errors
// (kClosed), `take` finds nothing, `statistics` counts nothing, and all else returns at once; the parent's pool is not
// touched.
//
// Callbacks: a thread is inside a pool if it is one of the pool's own, or while `stop` or `close` calls a callback on
// it. So every function of the launcher's that the pool calls runs inside it: `done`, the functions of devices, and all
// their destructors. Inside a pool no call waits for that pool: `run` and `drain` are Errors (kBusy), `submit` is an
// Error (kBusy) if the queue is full, `close` does what `stop` does, and all other calls do what they do elsewhere. The
// pool may even be moved or destroyed inside: then the actions that run go on to their ends, and the pool's last worker
// frees its memory. Whatever the callbacks use must live until then. Another pool may be used without such limits,
// unless it waits for this one.
class SPRY_API Pool {
 public:
  // Told how an action of `submit` ended: an Error if the monitor failed, or if the action was cancelled before it
  // began (kCancelled). A callback must not throw.
  using Callback = std::function<void(Result<Outcome> outcome)>;

  // What `stop` and `close` do with actions that wait; those that run are always finished.
  enum class Close { kFinish, kCancel };

  // Starts the workers, and returns when each has a machine. The image is initialised once, in the pool's first action,
  // for which the others wait. If the guest calls `ready` in it, all later actions begin there, and the machines share
  // that memory copy on write; else each action begins with the guest's first instruction. Errors: those of
  // Machine::create; kInvalidArgument if options are out of range; kResources if no thread can be made.
  static Result<Pool> create(Image image, PoolOptions options);
  static Result<Pool> create(Snapshot snapshot, PoolOptions options);

  Pool(Pool&&) noexcept;
  Pool& operator=(Pool&&) noexcept;
  // Does what close(Close::kCancel) does: inside the pool it does not wait.
  ~Pool();

  // Takes an action; waits while the queue is full. `done` is called on a worker's thread, or on that of `stop` or
  // `close`, and should be short. Errors: kClosed if the pool is closed, kTooLarge if the input is longer than
  // max_input, kInvalidArgument if the action's deadline is no time at all, kBusy if the queue is full and the call is
  // made inside the pool; then `done` is not called.
  Result<void> submit(std::string input, Callback done, const ActionOptions& action = {});
  // The same without waiting: false if the queue is full.
  Result<bool> try_submit(std::string input, Callback done, const ActionOptions& action = {});

  // Runs an action and waits for its outcome. Errors: those of `submit` and Machine::run; kCancelled if the pool is
  // closed before it began; kBusy inside the pool.
  Result<Outcome> run(std::string_view input = {}, const ActionOptions& action = {});

  // For event loops: an action is known by a number of the caller's, `ticket`, and `take` fetches its outcome.
  struct Completion {
    std::uint64_t ticket = 0;
    Result<Outcome> outcome;
  };
  // Errors: as above; kResources if the queue is full while more than completion_bytes of outcomes wait for `take`.
  Result<void> submit(std::string input, std::uint64_t ticket, const ActionOptions& action = {});
  // The same without waiting: false if the queue is full.
  Result<bool> try_submit(std::string input, std::uint64_t ticket, const ActionOptions& action = {});
  // Takes back the oldest action of that ticket that still waits: its completion is an Error (kCancelled) at once.
  // False if none waits, because the action runs or has ended.
  bool cancel(std::uint64_t ticket);
  // Fetches the completion of the action that ended first, if there is one.
  std::optional<Completion> take();
  // An eventfd that is readable while `take` would fetch something; the pool's own.
  int descriptor() const;

  // Waits until no action waits or runs. Meanwhile, and while `run` waits, completion_bytes stops no worker. Errors:
  // kBusy inside the pool.
  Result<void> drain();
  // Takes no more actions, and runs or cancels those that wait, as `how` says. Does not wait for those that run. With
  // kCancel this call itself calls the callbacks of the actions that waited.
  void stop(Close how);
  // Does what `stop` does, and returns when all workers and machines are gone; inside the pool it returns at once.
  void close(Close how);

  // Whether the calling thread is inside the pool.
  bool inside() const;

  unsigned workers() const;
  PoolStatistics statistics() const;

 private:
  explicit Pool(std::shared_ptr<PoolData> data);
  void end();
  std::shared_ptr<PoolData> data_;
};

}  // namespace spry
