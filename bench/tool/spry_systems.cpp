#include "tool/spry_systems.h"

#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "spry/devices.h"
#include "spry/pool.h"
#include "spry/shell.h"
#include "spry/snapshot.h"
#include "text/format.h"
#include "tool/command_system.h"
#include "tool/in_process.h"

namespace spry::bench {
namespace {

using Runners = Result<std::unique_ptr<Runner>>;

class ColdRunner : public Runner {
 public:
  explicit ColdRunner(Image image) : image_(std::move(image)) {}

  Result<Action> run() override {
    Action action{Clock::now(), {}, {}};
    {
      Result<Machine> machine = Machine::create(image_, kept_output());
      if (!machine) return tl::unexpected(machine.error());
      const Result<Outcome> outcome = machine->run();
      const Result<void> checked = check_hello(outcome);
      if (!checked) return tl::unexpected(checked.error());
      action.hello = Clock::now();
    }
    action.end = Clock::now();
    return action;
  }

 private:
  Image image_;
};

// The shell for the next action is made, and the machine of the last destroyed, when what is timed is over.
class ShellRunner : public Runner {
 public:
  explicit ShellRunner(Image image) : image_(std::move(image)) {}

  Result<void> prepare() {
    Result<Shell> shell = Shell::create();
    if (!shell) return tl::unexpected(shell.error());
    shell_ = std::move(*shell);
    return {};
  }

  Result<Action> run() override {
    if (!shell_) return fail(ErrorCode::kMonitor, "there is no shell: an action before failed");
    Shell shell = *std::move(shell_);
    shell_.reset();
    Action action{Clock::now(), {}, {}};
    {
      Result<Machine> machine = Machine::create(std::move(shell), image_, kept_output());
      if (!machine) return tl::unexpected(machine.error());
      const Result<Outcome> outcome = machine->run();
      const Result<void> checked = check_hello(outcome);
      if (!checked) return tl::unexpected(checked.error());
      action.hello = Clock::now();
      action.end = action.hello;
    }
    const Result<void> prepared = prepare();
    if (!prepared) return tl::unexpected(prepared.error());
    return action;
  }

 private:
  Image image_;
  std::optional<Shell> shell_;
};

class MachineRunner : public Runner {
 public:
  explicit MachineRunner(Machine machine) : machine_(std::move(machine)) {}

  Result<Action> run() override {
    Action action{Clock::now(), {}, {}};
    const Result<Outcome> outcome = machine_.run();
    const Result<void> checked = check_hello(outcome);
    if (!checked) return tl::unexpected(checked.error());
    action.hello = Clock::now();
    const Result<void> reset = machine_.reset();
    if (!reset) return tl::unexpected(reset.error());
    action.end = Clock::now();
    return action;
  }

 private:
  Machine machine_;
};

// What is to be known of a snapshot's file: how it is made, and how it is used.
struct SnapshotUse {
  std::string guest;
  std::string file;
  std::string state;       // the guest's argument: KiB of state that it makes before `ready`
  std::string input;       // for the action
  bool load_each = false;  // open the file for each action, and not once
};

Result<Snapshot> take_snapshot(const SnapshotUse& use) {
  const Result<Image> image = Image::load(use.guest);
  if (!image) return tl::unexpected(image.error());
  MachineOptions options = kept_output();
  options.arguments = {"bench-ready", use.state};
  return Snapshot::take(*image, std::move(options));
}

class SnapshotRunner : public Runner {
 public:
  explicit SnapshotRunner(SnapshotUse use) : use_(std::move(use)) {}

  Result<void> prepare() { return load(); }

  Result<Action> run() override {
    Action action{Clock::now(), {}, {}};
    if (use_.load_each) {
      const Result<void> loaded = load();
      if (!loaded) return tl::unexpected(loaded.error());
    }
    {
      Result<Machine> machine = Machine::create(*snapshot_, kept_output());
      if (!machine) return tl::unexpected(machine.error());
      const Result<Outcome> outcome = machine->run(use_.input);
      const Result<void> checked = check_hello(outcome);
      if (!checked) return tl::unexpected(checked.error());
      action.hello = Clock::now();
    }
    if (use_.load_each) snapshot_.reset();
    action.end = Clock::now();
    return action;
  }

 private:
  Result<void> load() {
    Result<Snapshot> snapshot = Snapshot::load(use_.file);
    if (!snapshot) return tl::unexpected(snapshot.error());
    snapshot_ = std::move(*snapshot);
    return {};
  }

  SnapshotUse use_;
  std::optional<Snapshot> snapshot_;
};

// Makes the snapshot's file when it is prepared.
class SnapshotSystem : public InProcessSystem {
 public:
  SnapshotSystem(Description description, SnapshotUse use)
      : InProcessSystem(
            std::move(description), [use] { return make(use); }, std::thread::hardware_concurrency()),
        use_(std::move(use)) {}

  Result<void> prepare() override {
    const Result<Snapshot> snapshot = take_snapshot(use_);
    if (!snapshot) return tl::unexpected(snapshot.error());
    const Result<void> saved = snapshot->save(use_.file);
    return saved ? InProcessSystem::prepare() : saved;
  }

 private:
  static Runners make(const SnapshotUse& use) {
    auto runner = std::make_unique<SnapshotRunner>(use);
    const Result<void> prepared = runner->prepare();
    if (!prepared) return tl::unexpected(prepared.error());
    return runner;
  }

  SnapshotUse use_;
};

// Waits for each action's outcome.
class PoolRunner : public Runner {
 public:
  explicit PoolRunner(Pool& pool) : pool_(pool) {}

  Result<Action> run() override {
    const Time start = Clock::now();
    const Result<Outcome> outcome = pool_.run();
    const Result<void> checked = check_hello(outcome);
    if (!checked) return tl::unexpected(checked.error());
    const Time end = Clock::now();
    return Action{start, end, end};
  }

 private:
  Pool& pool_;
};

class PoolSystem : public System {
 public:
  PoolSystem(Description description, std::string image) : System(std::move(description)), image_(std::move(image)) {}

  Result<void> prepare() override {
    const Result<Image> image = Image::load(image_);
    if (!image) return tl::unexpected(image.error());
    PoolOptions options;
    options.machine = kept_output();
    options.workers = std::thread::hardware_concurrency();
    options.queue = std::numeric_limits<std::size_t>::max();
    Result<Pool> pool = Pool::create(*image, std::move(options));
    if (!pool) return tl::unexpected(pool.error());
    pool_ = std::move(*pool);
    const Result<Action> action = PoolRunner(*pool_).run();
    return action ? Result<void>() : tl::unexpected(action.error());
  }

  Runners runner() override { return std::make_unique<PoolRunner>(*pool_); }

  bool submission_blocks() const override { return false; }
  bool queues() const override { return true; }

  void submit(Completion done) override {
    const Time start = Clock::now();
    // Kept here as well, because a pool that refuses an action does not call it.
    const auto completion = std::make_shared<Completion>(std::move(done));
    const Result<bool> taken = pool_->try_submit({}, [start, completion](const Result<Outcome>& outcome) {
      const Result<void> checked = check_hello(outcome);
      const Time end = Clock::now();
      (*completion)(checked ? Result<Action>(Action{start, end, end}) : tl::unexpected(checked.error()));
    });
    if (!taken) (*completion)(tl::unexpected(taken.error()));
  }

 private:
  std::string image_;
  std::optional<Pool> pool_;
};

}  // namespace

MachineOptions kept_output() {
  MachineOptions options;
  options.devices = {spry::capture()};
  return options;
}

Result<void> check_hello(const Result<Outcome>& outcome) {
  if (!outcome) return tl::unexpected(outcome.error());
  if (outcome->reason != Reason::kExit || outcome->status != 0) {
    return fail(ErrorCode::kMonitor, fmt::format("the action ended by {} with status {}: {}",
                                                 to_string(outcome->reason), outcome->status, outcome->message));
  }
  if (outcome->output.find("Hello") != std::string::npos) return {};
  return fail(ErrorCode::kMonitor, "the action did not say Hello");
}

Runners make_cold_runner(const std::string& image) {
  Result<Image> loaded = Image::load(image);
  if (!loaded) return tl::unexpected(loaded.error());
  return std::make_unique<ColdRunner>(std::move(*loaded));
}

Runners make_machine_runner(const std::string& image) {
  const Result<Image> loaded = Image::load(image);
  if (!loaded) return tl::unexpected(loaded.error());
  MachineOptions options = kept_output();
  options.reusable = true;
  Result<Machine> machine = Machine::create(*loaded, std::move(options));
  if (!machine) return tl::unexpected(machine.error());
  return std::make_unique<MachineRunner>(std::move(*machine));
}

std::vector<std::unique_ptr<System>> make_spry_systems(const std::string& guests, const std::string& binaries,
                                                       const Folder& folder, Collector& collector) {
  const unsigned threads = std::thread::hardware_concurrency();
  const std::string hello = guests + "/hello";
  std::vector<std::unique_ptr<System>> systems;
  systems.push_back(std::make_unique<InProcessSystem>(
      Description{"cold", "in-process, cold",
                  "a machine is created, run and, before the end, destroyed on the same thread; the image is loaded"},
      [=] { return make_cold_runner(hello); }, threads));
  const auto make_shell_runner = [=]() -> Runners {
    Result<Image> image = Image::load(hello);
    if (!image) return tl::unexpected(image.error());
    auto runner = std::make_unique<ShellRunner>(std::move(*image));
    const Result<void> prepared = runner->prepare();
    if (!prepared) return tl::unexpected(prepared.error());
    return runner;
  };
  systems.push_back(std::make_unique<InProcessSystem>(
      Description{"shell", "in-process, ready shell",
                  "a machine is created in a ready shell and run; destroying it and making the next shell are not "
                  "timed, but take part of the throughput"},
      make_shell_runner, threads));
  systems.push_back(std::make_unique<InProcessSystem>(
      Description{"machine", "in-process, kept machine",
                  "one machine on the calling thread is run, and reset before the end", false},
      [=] { return make_machine_runner(hello); }, threads));
  systems.push_back(std::make_unique<PoolSystem>(
      Description{"pooled", "in-process, pool",
                  fmt::format("a pool of {} workers; a full reset after each action", threads)},
      hello));

  const auto add_snapshot = [&](Description description, SnapshotUse use) {
    description.throughput = false;
    use.guest = guests + "/bench-ready";
    use.file = folder / (description.name + ".snapshot");
    systems.push_back(std::make_unique<SnapshotSystem>(std::move(description), std::move(use)));
  };
  add_snapshot({"snapshot-64k", "in-process, snapshot of 64 KiB", "from a file that is open; one page in 100 is read"},
               {{}, {}, "64", {}, false});
  add_snapshot({"snapshot-8m", "in-process, snapshot of 8 MiB", "from a file that is open; one page in 100 is read"},
               {{}, {}, "8192", {}, false});
  add_snapshot({"snapshot-8m-open", "in-process, snapshot of 8 MiB, opened",
                "the file is opened, and its metadata checked, for each action; one page in 100 is read"},
               {{}, {}, "8192", {}, true});
  add_snapshot({"snapshot-8m-all", "in-process, snapshot of 8 MiB, all read", "from a file that is open; all is read"},
               {{}, {}, "8192", "all", false});
  SnapshotUse use{guests + "/bench-ready", folder / "spry.snapshot", "8192", {}, false};
  CommandOptions options;
  options.arguments = {binaries + "/spry", "run", use.file};
  options.set_up = [use]() -> Result<void> {
    const Result<Snapshot> snapshot = take_snapshot(use);
    if (!snapshot) return tl::unexpected(snapshot.error());
    return snapshot->save(use.file);
  };
  systems.push_back(std::make_unique<CommandSystem>(
      Description{"spry-snapshot", "spry run, snapshot of 8 MiB", "spry run of a snapshot of 8 MiB of state", false},
      std::move(options), collector));
  return systems;
}

}  // namespace spry::bench
