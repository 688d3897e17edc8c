#include "spry/pool.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>

#include "machine/action.h"
#include "machine/internals.h"
#include "pool/reaper.h"
#include "pool/thread_signals.h"
#include "system/clock.h"
#include "system/descriptor.h"
#include "text/format.h"

namespace spry {
namespace {

struct Job {
  std::string owned;
  std::string_view input;  // if `owned` is empty: borrowed from one who waits
  Pool::Callback done;
  ActionOptions options;
  std::optional<std::uint64_t> ticket;  // of those that `cancel` finds
  std::uint64_t submitted_ns = 0;
};

std::chrono::nanoseconds since(std::uint64_t start) { return std::chrono::nanoseconds(host_monotonic_ns() - start); }

unsigned available_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

tl::unexpected<Error> cancelled_action(const std::string& path, std::string_view why) {
  return fail(ErrorCode::kCancelled, fmt::format("{}: the action was cancelled before it began{}", path, why));
}

tl::unexpected<Error> closed(const std::string& path) {
  return fail(ErrorCode::kClosed, fmt::format("{}: its pool is closed", path));
}

}  // namespace

struct PoolData {
  // What a worker counts, for itself alone until someone asks.
  struct Worker {
    std::thread thread;
    bool settled = false;  // its machine begins where the pool's do, which will not change any more
    std::mutex mutex;      // of the counts
    PoolStatistics counts;
  };

  // Whether the guest calls `ready` in its first action, which one worker finds out while the others wait.
  enum class Initialised { kNot, kNow, kDone };

  enum class Stage { kOpen, kFinishing, kCancelled };

  std::string path;
  PoolOptions options;
  // Submitters who wait for room are woken for so many places at once: a wake for each costs as much as a small action.
  std::uint64_t room_batch = 1;

  std::mutex mutex;  // of what follows, up to `reaper`
  std::condition_variable work_there;
  std::condition_variable room_there;
  std::condition_variable initialised_now;
  std::condition_variable all_done;
  std::deque<Job> queue;
  std::size_t running = 0;
  std::uint64_t taken = 0;
  Stage stage = Stage::kOpen;
  Initialised initialised = Initialised::kNot;
  std::shared_ptr<const Base> base;
  Platform platform = Platform::kAutomatic;
  std::uint64_t submitted = 0;
  std::uint64_t cancelled = 0;
  std::deque<Pool::Completion> completions;
  Descriptor event;

  std::optional<Reaper> reaper;
  std::mutex closing;  // of joining the workers
  std::vector<std::unique_ptr<Worker>> workers;

  Result<void> start(std::optional<Image> image);
  Result<Machine> make_machine(Worker& worker);
  void work(Worker& worker, std::optional<Machine> machine);
  std::optional<Job> next();
  bool begin_initialising();
  void end_initialising(const MachineData* machine);
  void bring_to_base(std::optional<Machine>& machine);
  void run_one(Worker& worker, std::optional<Machine>& machine, Job& job);
  void reset(Worker& worker, std::optional<Machine>& machine, bool exited);
  Result<bool> enqueue(Job job, bool wait);
  void complete(std::uint64_t ticket, Result<Outcome> outcome);
  bool cancel(std::uint64_t ticket);
  void end_running(std::size_t count);
  void wait_until_idle();
  void close(Pool::Close how);
};

Result<Machine> PoolData::make_machine(Worker& worker) {
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

// True for the worker whose action is the first; others wait until it knows.
bool PoolData::begin_initialising() {
  std::unique_lock lock(mutex);
  initialised_now.wait(lock, [this] { return initialised != Initialised::kNow; });
  if (initialised == Initialised::kDone) return false;
  initialised = Initialised::kNow;
  return true;
}

// An action that failed before it called `ready` decides nothing: the next one initialises the image again. Once it is
// known where actions begin, that stays.
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

// A machine that was made before the image was initialised begins anew from where it was.
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

void PoolData::run_one(Worker& worker, std::optional<Machine>& machine, Job& job) {
  const bool initialises = !worker.settled && begin_initialising();
  if (!worker.settled && !initialises) {
    bring_to_base(machine);
    worker.settled = true;
  }
  const std::uint64_t start = host_monotonic_ns();
  Result<Outcome> outcome = tl::unexpected(Error());
  if (!machine) {
    auto made = make_machine(worker);
    if (made)
      machine = *std::move(made);
    else
      outcome = tl::unexpected(made.error());
  }
  if (machine) {
    MachineData& data = Internals::data(*machine);
    // The others need not wait for this action's end: at its `ready` they can begin.
    if (initialises) data.settled = [this, &data] { end_initialising(&data); };
    outcome = machine->run(Input(job.owned.empty() ? job.input : std::string_view(job.owned)), job.options);
    data.settled = nullptr;
  }
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

// A machine whose reset is proven is used again; any other is replaced, by the next action.
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

std::optional<Job> PoolData::next() {
  std::unique_lock lock(mutex);
  work_there.wait(lock, [this] { return !queue.empty() || stage != Stage::kOpen; });
  if (queue.empty()) return std::nullopt;
  Job job = std::move(queue.front());
  queue.pop_front();
  ++running;
  const bool wake = ++taken % room_batch == 0;
  lock.unlock();
  if (wake) room_there.notify_all();
  return job;
}

void PoolData::work(Worker& worker, std::optional<Machine> machine) {
  while (std::optional<Job> job = next()) {
    run_one(worker, machine, *job);
    end_running(1);
  }
}

// The first machine is made by the first worker's thread, to which it belongs.
Result<void> PoolData::start(std::optional<Image> image) {
  event = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return fail(code_for(errno), fmt::format("cannot make an eventfd: {}", std::strerror(errno)));
  const unsigned count = options.workers != 0 ? options.workers : available_cpus();
  const AllSignalsBlocked blocked;
  try {
    reaper.emplace();
    for (unsigned i = 0; i < count; ++i) {
      workers.push_back(std::make_unique<Worker>());
      Worker& worker = *workers.back();
      std::promise<Result<void>> made;
      std::future<Result<void>> answer = made.get_future();
      worker.thread = std::thread([this, &worker, image, &made] {
        auto machine = image ? Machine::create(*image, options.machine) : make_machine(worker);
        if (!machine) {
          made.set_value(tl::unexpected(machine.error()));
          return;
        }
        if (image) {
          const std::lock_guard lock(mutex);
          base = Internals::data(*machine).base;
          platform = Internals::data(*machine).vcpu->platform();
          worker.counts.machines = 1;
        }
        made.set_value({});
        work(worker, *std::move(machine));
      });
      if (auto result = answer.get(); !result) return result;
      image.reset();
      // All later machines are of the first one's platform, whatever becomes of /dev/kvm and of the environment.
      const std::lock_guard lock(mutex);
      options.machine.platform = platform;
    }
  } catch (const std::system_error& error) {
    return fail(ErrorCode::kResources, fmt::format("cannot make a thread for a pool: {}", error.what()));
  }
  return {};
}

Result<bool> PoolData::enqueue(Job job, bool wait) {
  const std::size_t size = std::max(job.owned.size(), job.input.size());
  if (size > options.machine.max_input) {
    return fail(ErrorCode::kTooLarge, fmt::format("{}: the input has {} bytes, more than the {} that the pool was made "
                                                  "for",
                                                  path, size, options.machine.max_input));
  }
  if (auto checked = check_deadline(job.options.deadline); !checked) return tl::unexpected(checked.error());
  job.submitted_ns = host_monotonic_ns();
  {
    std::unique_lock lock(mutex);
    if (wait) room_there.wait(lock, [this] { return queue.size() < options.queue || stage != Stage::kOpen; });
    if (stage != Stage::kOpen) return closed(path);
    if (queue.size() >= options.queue) return false;
    queue.push_back(std::move(job));
    ++submitted;
  }
  work_there.notify_one();
  return true;
}

void PoolData::complete(std::uint64_t ticket, Result<Outcome> outcome) {
  const std::lock_guard lock(mutex);
  completions.push_back({ticket, std::move(outcome)});
  eventfd_write(event.get(), 1);
}

bool PoolData::cancel(std::uint64_t ticket) {
  std::optional<Job> found;
  {
    const std::lock_guard lock(mutex);
    const auto place = std::find_if(queue.begin(), queue.end(), [&](const Job& job) { return job.ticket == ticket; });
    if (place == queue.end()) return false;
    found = std::move(*place);
    queue.erase(place);
    ++cancelled;
    // Until its completion is there, the pool is not idle.
    ++running;
  }
  room_there.notify_all();
  found->done(cancelled_action(path, ""));
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

void PoolData::close(Pool::Close how) {
  std::deque<Job> left;
  {
    const std::lock_guard lock(mutex);
    if (stage == Stage::kOpen) stage = how == Pool::Close::kFinish ? Stage::kFinishing : Stage::kCancelled;
    if (how == Pool::Close::kCancel) left.swap(queue);
    cancelled += left.size();
    // Until their ends are told, the pool is not idle.
    running += left.size();
  }
  work_there.notify_all();
  room_there.notify_all();
  for (Job& job : left) job.done(cancelled_action(path, ": its pool is closed"));
  end_running(left.size());
  {
    const std::lock_guard lock(closing);
    for (auto& worker : workers) {
      if (worker->thread.joinable()) worker->thread.join();
    }
  }
  // Another thread may still tell of what it cancelled.
  wait_until_idle();
}

namespace {

Result<std::unique_ptr<PoolData>> open(PoolOptions options, std::string path) {
  if (options.queue == 0) return fail(ErrorCode::kInvalidArgument, "a pool's queue has room for one action at least");
  constexpr unsigned kMostWorkers = 1024;
  if (options.workers > kMostWorkers) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} workers are more than {}", options.workers, kMostWorkers));
  }
  auto data = std::make_unique<PoolData>();
  data->path = std::move(path);
  constexpr std::size_t kMostRoom = 32;
  data->room_batch = std::clamp(options.queue / 2, std::size_t{1}, kMostRoom);
  options.machine.reusable = true;
  data->options = std::move(options);
  return data;
}

}  // namespace

Pool::Pool(std::unique_ptr<PoolData> data) : data_(std::move(data)) {}
Pool::Pool(Pool&&) noexcept = default;

Pool& Pool::operator=(Pool&& other) noexcept {
  if (data_ != nullptr && this != &other) close(Close::kCancel);
  data_ = std::move(other.data_);
  return *this;
}

Pool::~Pool() {
  if (data_ != nullptr) close(Close::kCancel);
}

Result<Pool> Pool::create(Image image, PoolOptions options) {
  auto data = open(std::move(options), image.path());
  if (!data) return tl::unexpected(data.error());
  Pool pool(*std::move(data));
  if (auto started = pool.data_->start(std::move(image)); !started) return tl::unexpected(started.error());
  return pool;
}

Result<Pool> Pool::create(Snapshot snapshot, PoolOptions options) {
  auto data = open(std::move(options), snapshot.path());
  if (!data) return tl::unexpected(data.error());
  auto base = load_contents(Internals::take(std::move(snapshot)));
  if (!base) return tl::unexpected(base.error());
  (*data)->base = *std::move(base);
  (*data)->initialised = PoolData::Initialised::kDone;
  Pool pool(*std::move(data));
  if (auto started = pool.data_->start(std::nullopt); !started) return tl::unexpected(started.error());
  return pool;
}

Result<void> Pool::submit(std::string input, Callback done, const ActionOptions& action) {
  auto taken = data_->enqueue({std::move(input), {}, std::move(done), action, {}, 0}, true);
  if (!taken) return tl::unexpected(taken.error());
  return {};
}

Result<bool> Pool::try_submit(std::string input, Callback done, const ActionOptions& action) {
  return data_->enqueue({std::move(input), {}, std::move(done), action, {}, 0}, false);
}

Result<Outcome> Pool::run(std::string_view input, const ActionOptions& action) {
  std::promise<Result<Outcome>> promise;
  std::future<Result<Outcome>> future = promise.get_future();
  auto done = [&promise](Result<Outcome> outcome) { promise.set_value(std::move(outcome)); };
  auto taken = data_->enqueue({{}, input, std::move(done), action, {}, 0}, true);
  if (!taken) return tl::unexpected(taken.error());
  return future.get();
}

Result<void> Pool::submit(std::string input, std::uint64_t ticket, const ActionOptions& action) {
  auto done = [data = data_.get(), ticket](Result<Outcome> outcome) { data->complete(ticket, std::move(outcome)); };
  auto taken = data_->enqueue({std::move(input), {}, std::move(done), action, ticket, 0}, true);
  if (!taken) return tl::unexpected(taken.error());
  return {};
}

bool Pool::cancel(std::uint64_t ticket) { return data_->cancel(ticket); }

std::optional<Pool::Completion> Pool::take() {
  const std::lock_guard lock(data_->mutex);
  if (data_->completions.empty()) return std::nullopt;
  Completion completion = std::move(data_->completions.front());
  data_->completions.pop_front();
  eventfd_t value;
  if (data_->completions.empty()) eventfd_read(data_->event.get(), &value);
  return completion;
}

int Pool::descriptor() const { return data_->event.get(); }

void Pool::drain() { data_->wait_until_idle(); }

void Pool::close(Close how) { data_->close(how); }

unsigned Pool::workers() const { return static_cast<unsigned>(data_->workers.size()); }

PoolStatistics Pool::statistics() const {
  PoolStatistics sum;
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
