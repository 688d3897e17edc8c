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
#include "tool/platform.h"

namespace spry::bench {
namespace {

using Runners = Result<std::unique_ptr<Runner>>;

class ColdRunner : public Runner {
 public:
  ColdRunner(Image image, Platform platform) : image_(std::move(image)), platform_(platform) {}

  Result<Action> run() override {
    Action action{Clock::now(), {}, {}};
    {
      Result<Machine> machine = Machine::create(image_, kept_output(platform_));
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
  Platform platform_;
};

// Uses a shell that is there already. The shell for the next action is made, and the last machine destroyed, outside of
// the time that is measured.
class ShellRunner : public Runner {
 public:
  ShellRunner(Image image, Platform platform) : image_(std::move(image)), platform_(platform) {}

  Result<void> prepare() {
    Result<Shell> shell = Shell::create(platform_);
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
      Result<Machine> machine = Machine::create(std::move(shell), image_, kept_output(platform_));
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
  Platform platform_;
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

// Where the snapshot of an action is.
enum class Kept { kMemory, kOpenFile, kFileOpenedEachTime };

// How a snapshot is made and used.
struct SnapshotUse {
  std::string guest;
  std::string file;
  Platform platform = Platform::kAutomatic;
  std::string state;  // the guest's argument: KiB of state that it makes before `ready`
  std::string input;  // for the action
  Kept kept = Kept::kOpenFile;
};

Result<Snapshot> take_snapshot(const SnapshotUse& use) {
  const Result<Image> image = Image::load(use.guest);
  if (!image) return tl::unexpected(image.error());
  MachineOptions options = kept_output(use.platform);
  options.arguments = {"bench-ready", use.state};
  return Snapshot::take(*image, std::move(options));
}

class SnapshotRunner : public Runner {
 public:
  explicit SnapshotRunner(SnapshotUse use) : use_(std::move(use)) {}

  Result<void> prepare() { return load(); }

  Result<Action> run() override {
    Action action{Clock::now(), {}, {}};
    if (use_.kept == Kept::kFileOpenedEachTime) {
      const Result<void> loaded = load();
      if (!loaded) return tl::unexpected(loaded.error());
    }
    {
      Result<Machine> machine = Machine::create(*snapshot_, kept_output(use_.platform));
      if (!machine) return tl::unexpected(machine.error());
      const Result<Outcome> outcome = machine->run(use_.input);
      const Result<void> checked = check_hello(outcome);
      if (!checked) return tl::unexpected(checked.error());
      action.hello = Clock::now();
    }
    if (use_.kept == Kept::kFileOpenedEachTime) snapshot_.reset();
    action.end = Clock::now();
    return action;
  }

 private:
  Result<void> load() {
    Result<Snapshot> snapshot = use_.kept == Kept::kMemory ? take_snapshot(use_) : Snapshot::load(use_.file);
    if (!snapshot) return tl::unexpected(snapshot.error());
    snapshot_ = std::move(*snapshot);
    return {};
  }

  SnapshotUse use_;
  std::optional<Snapshot> snapshot_;
};

// A system whose actions begin at a snapshot. `prepare` makes the snapshot's file.
class SnapshotSystem : public InProcessSystem {
 public:
  SnapshotSystem(Description description, SnapshotUse use)
      : InProcessSystem(
            std::move(description), [use] { return make(use); }, std::thread::hardware_concurrency()),
        use_(std::move(use)) {}

  Result<void> prepare() override {
    if (use_.kept == Kept::kMemory) return InProcessSystem::prepare();
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

// Runs actions in a pool, and waits for the outcome of each.
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
  PoolSystem(Description description, std::string image, Platform platform)
      : System(std::move(description)), image_(std::move(image)), platform_(platform) {}

  Result<void> prepare() override {
    const Result<Image> image = Image::load(image_);
    if (!image) return tl::unexpected(image.error());
    PoolOptions options;
    options.machine = kept_output(platform_);
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
    // Shared with the callback, because this function calls it if the pool refuses the action.
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
  Platform platform_;
  std::optional<Pool> pool_;
};

}  // namespace

Result<void> check_hello(const Result<Outcome>& outcome) {
  if (!outcome) return tl::unexpected(outcome.error());
  if (outcome->reason != Reason::kExit || outcome->status != 0) {
    return fail(ErrorCode::kMonitor, fmt::format("the action ended by {} with status {}: {}",
                                                 to_string(outcome->reason), outcome->status, outcome->message));
  }
  if (outcome->output.find("Hello") != std::string::npos) return {};
  return fail(ErrorCode::kMonitor, "the action did not say Hello");
}

Runners make_cold_runner(const std::string& image, Platform platform) {
  Result<Image> loaded = Image::load(image);
  if (!loaded) return tl::unexpected(loaded.error());
  return std::make_unique<ColdRunner>(std::move(*loaded), platform);
}

Runners make_machine_runner(const std::string& image, Platform platform) {
  const Result<Image> loaded = Image::load(image);
  if (!loaded) return tl::unexpected(loaded.error());
  MachineOptions options = kept_output(platform);
  options.reusable = true;
  Result<Machine> machine = Machine::create(*loaded, std::move(options));
  if (!machine) return tl::unexpected(machine.error());
  return std::make_unique<MachineRunner>(std::move(*machine));
}

namespace {

using Systems = std::vector<std::unique_ptr<System>>;

// Adds systems of one platform, which their names and labels say.
class Adder {
 public:
  Adder(Systems& systems, const Programs& programs, Platform platform, Collector& collector)
      : systems_(systems), programs_(programs), platform_(platform), collector_(collector) {}

  // `monitor run` of a file.
  void command(Description description, const std::string& monitor, const std::string& file,
               std::function<Result<void>()> set_up = nullptr) {
    CommandOptions options;
    options.arguments = {programs_.binaries + "/" + monitor, "run"};
    for (std::string& word : platform_option(platform_)) options.arguments.push_back(std::move(word));
    options.arguments.push_back(file);
    options.set_up = std::move(set_up);
    systems_.push_back(std::make_unique<CommandSystem>(here(std::move(description)), std::move(options), collector_));
  }

  void in_process(Description description, MakeRunner make) {
    systems_.push_back(std::make_unique<InProcessSystem>(here(std::move(description)), std::move(make),
                                                         std::thread::hardware_concurrency()));
  }

  void pool(Description description, const std::string& image) {
    systems_.push_back(std::make_unique<PoolSystem>(here(std::move(description)), image, platform_));
  }

  void snapshot(Description description, SnapshotUse use) {
    description.throughput = false;
    systems_.push_back(std::make_unique<SnapshotSystem>(here(std::move(description)), std::move(use)));
  }

 private:
  Description here(Description description) const {
    description.name = name_on(platform_, description.name);
    description.label = label_on(platform_, description.label);
    return description;
  }

  Systems& systems_;
  const Programs& programs_;
  Platform platform_;
  Collector& collector_;
};

void add_snapshots(Adder& adder, const Programs& programs, Platform platform, const Folder& folder) {
  const auto use = [&](const char* name, const char* state, const char* input, Kept kept) {
    const std::string file = folder / name_on(platform, name) + ".snapshot";
    return SnapshotUse{programs.guests + "/bench-ready", file, platform, state, input, kept};
  };
  constexpr const char* kSome = "one page in 100 is read";
  adder.snapshot({"snapshot-64k", "in-process, snapshot of 64 KiB", fmt::format("from a file that is open; {}", kSome)},
                 use("snapshot-64k", "64", "", Kept::kOpenFile));
  adder.snapshot({"snapshot-8m-memory", "in-process, snapshot of 8 MiB, from memory",
                  fmt::format("from memory, as it was taken; {}", kSome)},
                 use("snapshot-8m-memory", "8192", "", Kept::kMemory));
  adder.snapshot({"snapshot-8m", "in-process, snapshot of 8 MiB", fmt::format("from a file that is open; {}", kSome)},
                 use("snapshot-8m", "8192", "", Kept::kOpenFile));
  adder.snapshot({"snapshot-8m-open", "in-process, snapshot of 8 MiB, opened",
                  fmt::format("the file is opened, and its metadata checked, for each action; {}", kSome)},
                 use("snapshot-8m-open", "8192", "", Kept::kFileOpenedEachTime));
  adder.snapshot(
      {"snapshot-8m-all", "in-process, snapshot of 8 MiB, all read", "from a file that is open; all is read"},
      use("snapshot-8m-all", "8192", "all", Kept::kOpenFile));
  const SnapshotUse file = use("spry", "8192", "", Kept::kOpenFile);
  const auto save = [file]() -> Result<void> {
    const Result<Snapshot> snapshot = take_snapshot(file);
    if (!snapshot) return tl::unexpected(snapshot.error());
    return snapshot->save(file.file);
  };
  adder.command({"spry-snapshot", "spry run, snapshot of 8 MiB", "spry run of a snapshot of 8 MiB of state", false},
                "spry", file.file, save);
}

}  // namespace

Systems make_spry_systems(const Programs& programs, Platform platform, const Folder& folder, Collector& collector) {
  const std::string hello = programs.guests + "/hello";
  Systems systems;
  Adder adder(systems, programs, platform, collector);
  adder.command({"spry", "spry run", ""}, "spry", hello);
  adder.command({"spry-console", "spry-console run", ""}, "spry-console", hello);
  adder.in_process({"cold", "in-process, cold",
                    "a machine is created, run and, before the end, destroyed on the same thread; the image is loaded"},
                   [=] { return make_cold_runner(hello, platform); });
  const auto make_shell_runner = [=]() -> Runners {
    Result<Image> image = Image::load(hello);
    if (!image) return tl::unexpected(image.error());
    auto runner = std::make_unique<ShellRunner>(std::move(*image), platform);
    const Result<void> prepared = runner->prepare();
    if (!prepared) return tl::unexpected(prepared.error());
    return runner;
  };
  adder.in_process({"shell", "in-process, ready shell",
                    "a machine is created in a ready shell and run; destroying it and making the next shell are not "
                    "timed, but take part of the throughput"},
                   make_shell_runner);
  adder.in_process({"machine", "in-process, kept machine",
                    "one machine on the calling thread is run, and reset before the end", false},
                   [=] { return make_machine_runner(hello, platform); });
  adder.pool({"pooled", "in-process, pool",
              fmt::format("a pool of {} workers; a full reset after each action", std::thread::hardware_concurrency())},
             hello);
  add_snapshots(adder, programs, platform, folder);
  return systems;
}

}  // namespace spry::bench
