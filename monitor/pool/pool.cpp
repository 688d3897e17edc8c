#include "spry/pool.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <future>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "machine/action.h"
#include "machine/internals.h"
#include "machine/outcome_size.h"
#include "pool/inside.h"
#include "pool/reaper.h"
#include "system/clock.h"
#include "system/descriptor.h"
#include "system/out_of_memory.h"
#include "system/process_mark.h"
#include "system/processors.h"
#include "system/signals_blocked.h"
#include "text/escape.h"
#include "text/format.h"

namespace spry {
namespace {

struct Job {
  std::string owned;
  std::string_view input;  // counts if `owned` is empty; borrowed from a caller who waits
  Pool::Callback done;
  ActionOptions options;
  std::optional<std::uint64_t> ticket;  // if there is one: `cancel` finds the job, and `take` gets its outcome
  std::uint64_t submitted_ns = 0;

  std::uint64_t size() const { return std::max(owned.size(), input.size()); }
};

std::chrono::nanoseconds since(std::uint64_t start) { return std::chrono::nanoseconds(host_monotonic_ns() - start); }

tl::unexpected<Error> cancelled_action(const std::string& path, std::string_view why) {
  return fail(ErrorCode::kCancelled, fmt::format("{}: the action was cancelled before it began{}", path, why));
}

tl::unexpected<Error> closed(const std::string& path) {
  return fail(ErrorCode::kClosed, fmt::format("{}: its pool is closed", path));
}

// A forked child has none of the pool's worker threads, and its locks may be held for ever.
tl::unexpected<Error> forked(const std::string& path) {
  return fail(ErrorCode::kClosed,
              fmt::format("{}: its pool belongs to the process that this one was forked from", path));
}

tl::unexpected<Error> busy(const std::string& path, std::string_view wish) {
  return fail(ErrorCode::kBusy, fmt::format("{}: a callback of its pool must not wait for {}", path, wish));
}

}  // namespace

// Shared by the Pool and its workers' threads: a callback may destroy the Pool, and the last worker then destroys this.
struct PoolData : std::enable_shared_from_this<PoolData> {
  // A worker and its own counts, which only `statistics` adds up.
  struct Worker {
    std::thread thread;
    bool settled = false;  // where actions begin is known, and this worker's machine begins there
    std::mutex mutex;      // guards `counts`
    PoolStatistics counts;
  };

  // Whether it is known where actions begin: whether the guest calls `ready` in its first action. One worker finds out
  // (kNow) while the others wait.
  enum class Initialised { kNot, kNow, kDone };

  enum class Stage { kOpen, kFinishing, kCancelled };

  const ProcessMark process;
  std::string path;
  PoolOptions options;
  // Submitters who wait for room are woken once for so many places. To wake them for each place would cost as much as a
  // small action.
  std::uint64_t room_batch = 1;

  std::mutex mutex;  // guards what follows, up to `reaper`
  std::condition_variable work_there;
  std::condition_variable room_there;
  std::condition_variable initialised_now;
  std::condition_variable all_done;
  std::list<Job> queue;  // a list, so that taking jobs from it allocates nothing
  std::size_t running = 0;
  std::uint64_t queued_bytes = 0;
  std::uint64_t taken = 0;
  std::uint64_t taken_bytes = 0;  // since the last wake
  std::uint64_t completed_bytes = 0;
  unsigned unbounded = 0;  // calls that wait for actions to end, even if nobody takes outcomes (see Unbounded)
  Stage stage = Stage::kOpen;
  Initialised initialised = Initialised::kNot;
  std::shared_ptr<const Base> base;
  Platform platform = Platform::kAutomatic;
  std::uint64_t submitted = 0;
  std::uint64_t cancelled = 0;
  std::list<Pool::Completion> completions;
  Descriptor event;

  std::optional<Reaper> reaper;
  std::mutex closing;   // held while the workers are joined
  bool let_go = false;  // nobody joins the workers
  std::vector<std::unique_ptr<Worker>> workers;
  std::shared_ptr<PoolData> kept;  // this, in a forked child: nothing of it may be destroyed there

  bool inside() const { return Inside::of(this); }
  Result<void> start(std::optional<Image> image);
  Result<std::optional<Machine>> begin_worker(Worker& worker, const std::optional<Image>& image);
  Result<Machine> make_machine(Worker& worker);
  Result<Machine> make_machine_now(Worker& worker);
  void work(Worker& worker, std::optional<Machine> machine);
  std::list<Job> next();
  bool has_room(std::uint64_t size) const;
  bool held_back() const { return completed_bytes > options.completion_bytes && unbounded == 0; }
  bool begin_initialising();
  void end_initialising(const MachineData* machine);
  void bring_to_base(std::optional<Machine>& machine);
  Result<Outcome> run_on(Worker& worker, std::optional<Machine>& machine, Job& job, bool initialises);
  void run_one(Worker& worker, std::optional<Machine>& machine, Job& job);
  void reset(Worker& worker, std::optional<Machine>& machine, bool exited);
  Result<bool> enqueue(std::list<Job> job, bool wait);
  void complete(std::list<Pool::Completion>& completion);
  bool cancel(std::uint64_t ticket);
  void end_running(std::size_t count);
  void wait_until_idle();
  void stop(Pool::Close how);
  void close(Pool::Close how);
  void let_workers_go();
};

Result<Machine> PoolData::make_machine(Worker& worker) {
  return or_out_of_memory([&] { return make_machine_now(worker); });
}

Result<Machine> PoolData::make_machine_now(Worker& worker) {
  std::shared_ptr<const Base> current;
  bool begins_ready = false;
  {
    const std::lock_guard lock(mutex);
    current = base;
    begins_ready = initialised == Initialised::kDone;
  }
  auto machine = Machine::create(Internals::snapshot(current), options.machine);
  if (!machine) return machine;
  MachineData& made = Internals::data(*machine);
  if (begins_ready && made.beginning == Beginning::kUnknown) made.beginning = Beginning::kWithInput;
  {
    const std::lock_guard lock(mutex);
    platform = made.vcpu->platform();
  }
  const std::lock_guard lock(worker.mutex);
  ++worker.counts.machines;
  return machine;
}

// True if this worker's action is the one that finds out whether the guest calls `ready`. Other workers wait here until
// it is known.
bool PoolData::begin_initialising() {
  std::unique_lock lock(mutex);
  initialised_now.wait(lock, [this] { return initialised != Initialised::kNow; });
  if (initialised == Initialised::kDone) return false;
  initialised = Initialised::kNow;
  return true;
}

// An action that failed before it called `ready` decides nothing, and the next one initialises the image again. Once it
// is known where actions begin, that does not change any more.
void PoolData::end_initialising(const MachineData* machine) {
  {
    const std::lock_guard lock(mutex);
    if (initialised == Initialised::kDone) return;
    const bool known = machine != nullptr && machine->beginning != Beginning::kUnknown;
    if (known) base = machine->base;
    initialised = known ? Initialised::kDone : Initialised::kNot;
  }
  initialised_now.notify_all();
}

// Drops a machine that was made before the image was initialised: the worker makes a new one of the pool's base.
void PoolData::bring_to_base(std::optional<Machine>& machine) {
  if (!machine) return;
  bool current;
  {
    const std::lock_guard lock(mutex);
    current = Internals::data(*machine).base == base;
  }
  if (!current) {
    reaper->take(std::move(*machine));
    machine.reset();
  } else {
    MachineData& data = Internals::data(*machine);
    if (data.beginning == Beginning::kUnknown) data.beginning = Beginning::kWithInput;
  }
}

Result<Outcome> PoolData::run_on(Worker& worker, std::optional<Machine>& machine, Job& job, bool initialises) {
  if (!machine) {
    auto made = make_machine(worker);
    if (!made) return tl::unexpected(std::move(made.error()));
    machine = *std::move(made);
  }
  MachineData& data = Internals::data(*machine);
  // Other workers need not wait for this action's end: they can begin once it has called `ready`.
  if (initialises) data.settled = [this, &data] { end_initialising(&data); };
  auto outcome = machine->run(Input(job.owned.empty() ? job.input : std::string_view(job.owned)), job.options);
  data.settled = nullptr;
  return outcome;
}

void PoolData::run_one(Worker& worker, std::optional<Machine>& machine, Job& job) {
  const bool initialises = !worker.settled && begin_initialising();
  if (!worker.settled && !initialises) {
    bring_to_base(machine);
    worker.settled = true;
  }
  const std::uint64_t start = host_monotonic_ns();
  Result<Outcome> outcome = run_on(worker, machine, job, initialises);
  if (initialises) end_initialising(machine ? &Internals::data(*machine) : nullptr);
  const std::uint64_t end = host_monotonic_ns();
  {
    const std::lock_guard lock(worker.mutex);
    PoolStatistics& counts = worker.counts;
    counts.queue.add(std::chrono::nanoseconds(start - job.submitted_ns));
    counts.service.add(std::chrono::nanoseconds(end - start));
    counts.total.add(std::chrono::nanoseconds(end - job.submitted_ns));
    if (outcome) {
      ++counts.completed;
      ++counts.reasons[static_cast<std::size_t>(outcome->reason)];
    } else {
      ++counts.failed;
    }
  }
  const bool exited = outcome && outcome->reason == Reason::kExit;
  job.done(std::move(outcome));
  if (machine) reset(worker, machine, exited);
}

// Resets the machine, which is then used again. If that fails, replaces it by a new one; if that fails too, the next
// action makes one.
void PoolData::reset(Worker& worker, std::optional<Machine>& machine, bool exited) {
  const std::uint64_t start = host_monotonic_ns();
  const bool clean = machine->usable() && machine->reset();
  if (!clean) {
    reaper->take(std::move(*machine));
    machine.reset();
    if (auto made = make_machine(worker)) machine = *std::move(made);
  }
  const std::lock_guard lock(worker.mutex);
  ++(!clean ? worker.counts.rebuilds : exited ? worker.counts.resets : worker.counts.resets_after_failure);
  worker.counts.reset.add(since(start));
}

// The next job, or an empty list if the pool is closed.
std::list<Job> PoolData::next() {
  std::unique_lock lock(mutex);
  work_there.wait(lock, [this] { return (!queue.empty() && !held_back()) || stage != Stage::kOpen; });
  std::list<Job> job;
  if (queue.empty()) return job;
  job.splice(job.begin(), queue, queue.begin());
  ++running;
  queued_bytes -= job.front().size();
  taken_bytes += job.front().size();
  const bool wake = ++taken % room_batch == 0 || taken_bytes > options.queue_bytes / 4 || queue.empty();
  if (wake) taken_bytes = 0;
  lock.unlock();
  if (wake) room_there.notify_all();
  return job;
}

void PoolData::work(Worker& worker, std::optional<Machine> machine) {
  for (std::list<Job> job; !(job = next()).empty();) {
    run_one(worker, machine, job.front());
    // The job goes before the pool may be idle, because the callback may hold objects whose destructors are the
    // caller's code.
    job.clear();
    end_running(1);
  }
}

// Makes a worker's machine, on the thread to which the machine belongs.
Result<std::optional<Machine>> PoolData::begin_worker(Worker& worker, const std::optional<Image>& image) {
  return or_out_of_memory([&]() -> Result<std::optional<Machine>> {
    auto machine = image ? Machine::create(*image, options.machine) : make_machine(worker);
    if (!machine) return tl::unexpected(std::move(machine.error()));
    if (image) {
      const std::lock_guard lock(mutex);
      base = Internals::data(*machine).base;
      platform = Internals::data(*machine).vcpu->platform();
      worker.counts.machines = 1;
    }
    return std::optional<Machine>(*std::move(machine));
  });
}

// The first machine is made of the image, and the others of the first one's base.
Result<void> PoolData::start(std::optional<Image> image) {
  event = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return fail(code_for(errno), fmt::format("cannot make an eventfd: {}", std::strerror(errno)));
  const unsigned count = options.workers != 0 ? options.workers : available_processors();
  const AllSignalsBlocked blocked;
  try {
    reaper.emplace(this);
    for (unsigned i = 0; i < count; ++i) {
      workers.push_back(std::make_unique<Worker>());
      Worker& worker = *workers.back();
      std::promise<Result<void>> made;
      std::future<Result<void>> answer = made.get_future();
      worker.thread = std::thread([this, self = shared_from_this(), &worker, image, &made] {
        const Inside inside(this);
        auto machine = begin_worker(worker, image);
        if (!machine) {
          made.set_value(tl::unexpected(std::move(machine.error())));
          return;
        }
        made.set_value({});
        work(worker, *std::move(machine));
      });
      if (auto result = answer.get(); !result) return result;
      image.reset();
      // All later machines use the first one's platform, even if /dev/kvm or the environment changes.
      const std::lock_guard lock(mutex);
      options.machine.platform = platform;
    }
  } catch (const std::system_error& error) {
    return fail(ErrorCode::kResources, fmt::format("cannot make a thread for a pool: {}", error.what()));
  }
  return {};
}

// `job` is a list of one job, whose node goes into the queue.
Result<bool> PoolData::enqueue(std::list<Job> job, bool wait) {
  if (!process.here()) return forked(path);
  // The action may begin, and destroy the pool, before this returns.
  const std::shared_ptr<PoolData> self = shared_from_this();
  const std::uint64_t size = job.front().size();
  if (size > options.machine.max_input) {
    return fail(ErrorCode::kTooLarge, fmt::format("{}: the input has {} bytes, more than the {} that the pool was made "
                                                  "for",
                                                  path, size, options.machine.max_input));
  }
  if (auto checked = check_deadline(job.front().options.deadline); !checked) return tl::unexpected(checked.error());
  job.front().submitted_ns = host_monotonic_ns();
  {
    std::unique_lock lock(mutex);
    const bool ticket = job.front().ticket.has_value();
    const auto decided = [&] { return has_room(size) || stage != Stage::kOpen || (ticket && held_back()); };
    const bool may_wait = wait && !inside();
    if (may_wait) room_there.wait(lock, decided);
    if (stage != Stage::kOpen) return closed(path);
    if (!has_room(size)) {
      if (!wait) return false;
      if (!may_wait) return busy(path, "room in the queue: use try_submit");
      return fail(ErrorCode::kResources,
                  fmt::format("{}: {} bytes of outcomes wait to be taken, more than the {} that may (completion_bytes)",
                              path, completed_bytes, options.completion_bytes));
    }
    queued_bytes += size;
    queue.splice(queue.end(), job);
    ++submitted;
  }
  work_there.notify_one();
  return true;
}

bool PoolData::has_room(std::uint64_t size) const {
  return queue.size() < options.queue && (queue.empty() || queued_bytes + size <= options.queue_bytes);
}

void PoolData::complete(std::list<Pool::Completion>& completion) {
  const std::lock_guard lock(mutex);
  completed_bytes += size_of(completion.front().outcome);
  // Wakes submitters who wait for room, because there will be none until outcomes are taken.
  if (held_back()) room_there.notify_all();
  completions.splice(completions.end(), completion);
  eventfd_write(event.get(), 1);
}

bool PoolData::cancel(std::uint64_t ticket) {
  std::list<Job> found;
  {
    const std::lock_guard lock(mutex);
    const auto place = std::find_if(queue.begin(), queue.end(), [&](const Job& job) { return job.ticket == ticket; });
    if (place == queue.end()) return false;
    found.splice(found.begin(), queue, place);
    queued_bytes -= found.front().size();
    ++cancelled;
    // The pool is not idle until the action's completion is there.
    ++running;
  }
  room_there.notify_all();
  found.front().done(or_out_of_memory([this]() -> Result<Outcome> { return cancelled_action(path, ""); }));
  end_running(1);
  return true;
}

void PoolData::end_running(std::size_t count) {
  bool idle;
  {
    const std::lock_guard lock(mutex);
    running -= count;
    idle = running == 0 && queue.empty();
  }
  if (idle) all_done.notify_all();
}

void PoolData::wait_until_idle() {
  std::unique_lock lock(mutex);
  all_done.wait(lock, [this] { return running == 0 && queue.empty(); });
}

void PoolData::stop(Pool::Close how) {
  if (!process.here()) return;
  std::list<Job> left;
  {
    const std::lock_guard lock(mutex);
    if (stage == Stage::kOpen) stage = how == Pool::Close::kFinish ? Stage::kFinishing : Stage::kCancelled;
    if (how == Pool::Close::kCancel) left.swap(queue);
    cancelled += left.size();
    // The pool is not idle until the callbacks of these actions have returned.
    running += left.size();
    if (queue.empty()) queued_bytes = 0;
  }
  work_there.notify_all();
  room_there.notify_all();
  const Inside inside(this);
  const std::size_t count = left.size();
  for (Job& job : left) {
    job.done(or_out_of_memory([this]() -> Result<Outcome> { return cancelled_action(path, ": its pool is closed"); }));
  }
  left.clear();
  end_running(count);
}

void PoolData::close(Pool::Close how) {
  if (!process.here()) return;
  stop(how);
  if (inside()) return;
  {
    const std::lock_guard lock(closing);
    for (auto& worker : workers) {
      if (worker->thread.joinable()) worker->thread.join();
    }
    // This destroys the machines that the reaper still has.
    if (!let_go) reaper.reset();
  }
  // Another thread may still be calling the callbacks of actions that it cancelled.
  wait_until_idle();
}

// Detaches the workers, because nobody will join them. If the lock is taken, another thread joins them.
void PoolData::let_workers_go() {
  const std::unique_lock lock(closing, std::try_to_lock);
  if (!lock) return;
  let_go = true;
  for (auto& worker : workers) {
    if (worker->thread.joinable()) worker->thread.detach();
  }
}

namespace {

Result<std::shared_ptr<PoolData>> open(PoolOptions options, const std::string& path) {
  if (options.queue == 0) return fail(ErrorCode::kInvalidArgument, "a pool's queue has room for one action at least");
  constexpr unsigned kMostWorkers = 1024;
  if (options.workers > kMostWorkers) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} workers are more than {}", options.workers, kMostWorkers));
  }
  auto data = std::make_shared<PoolData>();
  data->path = escape_path(path);
  constexpr std::size_t kMostRoom = 32;
  data->room_batch = std::clamp(options.queue / 2, std::size_t{1}, kMostRoom);
  options.machine.reusable = true;
  data->options = std::move(options);
  return data;
}

// While it lives, outcomes that nobody took hold no worker back.
class Unbounded {
 public:
  explicit Unbounded(PoolData& pool) : pool_(pool) {
    {
      const std::lock_guard lock(pool_.mutex);
      ++pool_.unbounded;
    }
    pool_.work_there.notify_all();
  }
  Unbounded(const Unbounded&) = delete;
  Unbounded& operator=(const Unbounded&) = delete;
  ~Unbounded() {
    const std::lock_guard lock(pool_.mutex);
    --pool_.unbounded;
  }

 private:
  PoolData& pool_;
};

std::list<Job> one_job(Job job) {
  std::list<Job> one;
  one.push_back(std::move(job));
  return one;
}

}  // namespace

Pool::Pool(std::shared_ptr<PoolData> data) : data_(std::move(data)) {}
Pool::Pool(Pool&&) noexcept = default;

Pool& Pool::operator=(Pool&& other) noexcept {
  if (this != &other) {
    end();
    data_ = std::move(other.data_);
  }
  return *this;
}

Pool::~Pool() { end(); }

// In a forked child the pool's memory is not freed, because its threads cannot be joined there, and its machines must
// not be touched.
void Pool::end() {
  if (data_ == nullptr) return;
  const std::shared_ptr<PoolData> data = std::move(data_);
  if (!data->process.here()) {
    data->kept = data;
    return;
  }
  data->close(Close::kCancel);
  if (data->inside()) data->let_workers_go();
}

Result<Pool> Pool::create(Image image, PoolOptions options) {
  return or_out_of_memory([&]() -> Result<Pool> {
    auto data = open(std::move(options), image.path());
    if (!data) return tl::unexpected(data.error());
    Pool pool(*std::move(data));
    if (auto started = pool.data_->start(std::move(image)); !started) return tl::unexpected(started.error());
    return pool;
  });
}

Result<Pool> Pool::create(Snapshot snapshot, PoolOptions options) {
  return or_out_of_memory([&]() -> Result<Pool> {
    auto data = open(std::move(options), snapshot.path());
    if (!data) return tl::unexpected(data.error());
    auto base = load_contents(Internals::take(std::move(snapshot)));
    if (!base) return tl::unexpected(base.error());
    (*data)->base = *std::move(base);
    (*data)->initialised = PoolData::Initialised::kDone;
    Pool pool(*std::move(data));
    if (auto started = pool.data_->start(std::nullopt); !started) return tl::unexpected(started.error());
    return pool;
  });
}

Result<void> Pool::submit(std::string input, Callback done, const ActionOptions& action) {
  return or_out_of_memory([&]() -> Result<void> {
    auto taken = data_->enqueue(one_job({std::move(input), {}, std::move(done), action, {}, 0}), true);
    if (!taken) return tl::unexpected(std::move(taken.error()));
    return {};
  });
}

Result<bool> Pool::try_submit(std::string input, Callback done, const ActionOptions& action) {
  return or_out_of_memory([&] {
    return data_->enqueue(one_job({std::move(input), {}, std::move(done), action, {}, 0}), false);
  });
}

Result<Outcome> Pool::run(std::string_view input, const ActionOptions& action) {
  return or_out_of_memory([&]() -> Result<Outcome> {
    const std::shared_ptr<PoolData> data = data_;
    if (data->inside()) return busy(data->path, "an outcome: use try_submit");
    std::promise<Result<Outcome>> promise;
    std::future<Result<Outcome>> future = promise.get_future();
    auto done = [&promise](Result<Outcome> outcome) { promise.set_value(std::move(outcome)); };
    auto taken = data->enqueue(one_job({{}, input, done, action, {}, 0}), true);
    if (!taken) return tl::unexpected(std::move(taken.error()));
    const Unbounded unbounded(*data);
    return future.get();
  });
}

namespace {

// Room for the outcome is made beforehand, so that nothing can fail on the worker's thread.
std::list<Job> job_with_ticket(PoolData& pool, std::string input, std::uint64_t ticket, const ActionOptions& action) {
  auto room = std::make_shared<std::list<Pool::Completion>>();
  room->push_back({ticket, tl::unexpected(Error())});
  auto done = [&pool, room](Result<Outcome> outcome) {
    room->front().outcome = std::move(outcome);
    pool.complete(*room);
  };
  return one_job({std::move(input), {}, std::move(done), action, ticket, 0});
}

}  // namespace

Result<void> Pool::submit(std::string input, std::uint64_t ticket, const ActionOptions& action) {
  return or_out_of_memory([&] {
    auto taken = data_->enqueue(job_with_ticket(*data_, std::move(input), ticket, action), true);
    return taken ? Result<void>() : tl::unexpected(std::move(taken.error()));
  });
}

Result<bool> Pool::try_submit(std::string input, std::uint64_t ticket, const ActionOptions& action) {
  return or_out_of_memory(
      [&] { return data_->enqueue(job_with_ticket(*data_, std::move(input), ticket, action), false); });
}

bool Pool::cancel(std::uint64_t ticket) { return std::shared_ptr(data_)->cancel(ticket); }

std::optional<Pool::Completion> Pool::take() {
  if (!data_->process.here()) return std::nullopt;
  const std::lock_guard lock(data_->mutex);
  if (data_->completions.empty()) return std::nullopt;
  const bool held = data_->held_back();
  Completion completion = std::move(data_->completions.front());
  data_->completions.pop_front();
  data_->completed_bytes -= size_of(completion.outcome);
  if (held && !data_->held_back()) data_->work_there.notify_all();
  eventfd_t value;
  if (data_->completions.empty()) eventfd_read(data_->event.get(), &value);
  return completion;
}

int Pool::descriptor() const { return data_->event.get(); }

Result<void> Pool::drain() {
  if (!data_->process.here()) return {};
  return or_out_of_memory([data = data_]() -> Result<void> {
    if (data->inside()) return busy(data->path, "all actions to end");
    const Unbounded unbounded(*data);
    data->wait_until_idle();
    return {};
  });
}

// Callbacks that these two call may destroy this Pool, so they hold on to its data.
void Pool::stop(Close how) { std::shared_ptr(data_)->stop(how); }
void Pool::close(Close how) { std::shared_ptr(data_)->close(how); }

bool Pool::inside() const { return data_->inside(); }

unsigned Pool::workers() const { return static_cast<unsigned>(data_->workers.size()); }

PoolStatistics Pool::statistics() const {
  PoolStatistics sum;
  if (!data_->process.here()) return sum;
  {
    const std::lock_guard lock(data_->mutex);
    sum.platform = data_->platform;
    sum.submitted = data_->submitted;
    sum.cancelled = data_->cancelled;
    sum.waiting = data_->queue.size();
  }
  for (const auto& worker : data_->workers) {
    const std::lock_guard lock(worker->mutex);
    const PoolStatistics& counts = worker->counts;
    sum.completed += counts.completed;
    sum.failed += counts.failed;
    for (std::size_t i = 0; i < sum.reasons.size(); ++i) sum.reasons[i] += counts.reasons[i];
    sum.resets += counts.resets;
    sum.resets_after_failure += counts.resets_after_failure;
    sum.rebuilds += counts.rebuilds;
    sum.machines += counts.machines;
    sum.queue.add(counts.queue);
    sum.service.add(counts.service);
    sum.reset.add(counts.reset);
    sum.total.add(counts.total);
  }
  return sum;
}

}  // namespace spry
