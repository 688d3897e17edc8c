// Which platform runs a guest: the one that is insisted on, or a sentence; else what the environment names; else KVM,
// and processes only where there is none. With and without a /dev/kvm.
#include "spry/platform.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>

#include "guest.h"
#include "spry/pool.h"

namespace spry {
namespace {

constexpr const char* kVariable = "SPRY_PLATFORM";

enum class Kvm { kAbsent, kForbidden, kThere };

Kvm kvm_here() {
  const int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (device < 0) return errno == ENOENT || errno == ENODEV || errno == ENXIO ? Kvm::kAbsent : Kvm::kForbidden;
  close(device);
  return Kvm::kThere;
}

// SPRY_PLATFORM is not set until a test sets it.
class Platforms : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* const named = std::getenv(kVariable); named != nullptr) before_ = named;
    unsetenv(kVariable);
  }
  void TearDown() override {
    if (before_) {
      setenv(kVariable, before_->c_str(), 1);
    } else {
      unsetenv(kVariable);
    }
  }
  static void name(const char* platform) { setenv(kVariable, platform, 1); }

 private:
  std::optional<std::string> before_;
};

MachineOptions options_on(Platform platform) {
  MachineOptions options;
  options.devices = {capture()};
  options.platform = platform;
  return options;
}

// A device of the guest host_function that fails if it is called with more than 5 bytes.
class Picky : public Device {
 public:
  Result<std::int64_t> call(Guest&, const DeviceCall& call) override {
    if (call.b > 5) return fail(ErrorCode::kMonitor, "more than 5 bytes");
    return 0;
  }
};

Attachment picky() {
  const auto open = [](const DeviceNeed&) -> Result<std::unique_ptr<Device>> { return std::make_unique<Picky>(); };
  return {"host", "function", open, false};
}

// The name of the platform that ran hello, or the sentence that says why none did.
std::string ran_on(Platform platform) {
  auto machine = Machine::create(load("hello"), options_on(platform));
  if (!machine) return machine.error().message;
  const Outcome outcome = value(machine->run());
  EXPECT_EQ(outcome.output, "Hello\n");
  return std::string(to_string(outcome.receipt.platform));
}

void expect_words(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* const word : words) EXPECT_NE(text.find(word), std::string::npos) << text << " lacks " << word;
}

// Checks what came of insisting on KVM: it ran there, or there is a sentence.
void expect_kvm(const std::string& ran) {
  if (kvm_here() == Kvm::kThere) {
    EXPECT_EQ(ran, "kvm");
  } else {
    expect_words(ran, {"cannot open /dev/kvm", "`spry doctor` tells"});
  }
}

// A forbidden /dev/kvm is no reason for another isolation.
void expect_default(const std::string& ran) {
  if (kvm_here() == Kvm::kAbsent) {
    EXPECT_EQ(ran, "process");
  } else {
    expect_kvm(ran);
  }
}

TEST_F(Platforms, AreKvmOrProcessesWhereThereIsNone) { expect_default(ran_on(Platform::kAutomatic)); }

TEST_F(Platforms, AreThoseThatOptionsInsistOn) {
  EXPECT_EQ(ran_on(Platform::kProcess), "process");
  expect_kvm(ran_on(Platform::kKvm));
}

TEST_F(Platforms, AreThoseThatTheEnvironmentNames) {
  name("process");
  EXPECT_EQ(ran_on(Platform::kAutomatic), "process");
  name("kvm");
  expect_kvm(ran_on(Platform::kAutomatic));
  for (const char* const nothing : {"automatic", ""}) {
    name(nothing);
    expect_default(ran_on(Platform::kAutomatic));
  }
}

TEST_F(Platforms, AreNotThoseOfTheEnvironmentWhereOptionsInsist) {
  for (const char* const named : {"kvm", "process", "nonsense"}) {
    name(named);
    EXPECT_EQ(ran_on(Platform::kProcess), "process");
    expect_kvm(ran_on(Platform::kKvm));
  }
}

TEST_F(Platforms, AreRefusedInASentenceIfTheEnvironmentNamesNone) {
  name("xen");
  const std::string sentence = "SPRY_PLATFORM: \"xen\" is no platform: automatic, kvm or process";
  EXPECT_EQ(ran_on(Platform::kAutomatic), sentence);
  const auto shell = Shell::create();
  ASSERT_FALSE(shell);
  EXPECT_EQ(shell.error().message, sentence);
  EXPECT_EQ(shell.error().code, ErrorCode::kInvalidArgument);
  const auto snapshot = Snapshot::take(load("ready_state"), options_on(Platform::kAutomatic));
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().message, sentence);
  PoolOptions options;
  options.machine = options_on(Platform::kAutomatic);
  const auto pool = Pool::create(load("hello"), options);
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().message, sentence);
  for (const char* const nonsense : {"KVM", "process ", "\x1b[2J", "kvm,process"}) {
    name(nonsense);
    const std::string got = ran_on(Platform::kAutomatic);
    expect_words(got, {"SPRY_PLATFORM: \"", "is no platform"});
    EXPECT_EQ(got.find('\x1b'), std::string::npos);
  }
}

TEST_F(Platforms, OfShellsAreThoseOfTheirMachines) {
  Shell shell = value(Shell::create(Platform::kProcess));
  EXPECT_EQ(shell.platform(), Platform::kProcess);
  // The default is decided when a shell is made, not again with each machine.
  name("kvm");
  for (const Platform wanted : {Platform::kAutomatic, Platform::kProcess}) {
    Machine machine = value(Machine::create(std::move(shell), load("hello"), options_on(wanted)));
    EXPECT_EQ(value(machine.run()).receipt.platform, Platform::kProcess);
    shell = value(std::move(machine).release());
    EXPECT_EQ(shell.platform(), Platform::kProcess);
  }
}

TEST_F(Platforms, OfShellsAreRefusedWhereOptionsInsistOnOthers) {
  const auto refused = [](Platform has, Platform wanted) {
    const auto machine = Machine::create(value(Shell::create(has)), load("hello"), options_on(wanted));
    return machine ? "a machine" : machine.error().message;
  };
  EXPECT_EQ(refused(Platform::kProcess, Platform::kKvm),
            guest("hello") + ": the shell is of the platform process, and the options insist on kvm");
  if (kvm_here() == Kvm::kThere) {
    EXPECT_EQ(refused(Platform::kKvm, Platform::kProcess),
              guest("hello") + ": the shell is of the platform kvm, and the options insist on process");
  }
}

TEST_F(Platforms, OfSnapshotsAreAny) {
  const Snapshot snapshot = value(Snapshot::take(load("ready_state"), options_on(Platform::kProcess)));
  for (const Platform wanted : {Platform::kProcess, Platform::kKvm}) {
    if (wanted == Platform::kKvm && kvm_here() != Kvm::kThere) continue;
    Machine machine = value(Machine::create(snapshot, options_on(wanted)));
    EXPECT_EQ(value(machine.run("x")).receipt.platform, wanted);
  }
}

TEST_F(Platforms, AreInReceiptsAndStatisticsOfPools) {
  for (const Platform wanted : {Platform::kProcess, Platform::kKvm}) {
    if (wanted == Platform::kKvm && kvm_here() != Kvm::kThere) continue;
    PoolOptions options;
    options.machine = options_on(wanted);
    options.workers = 2;
    Pool pool = value(Pool::create(load("hello"), options));
    EXPECT_EQ(pool.statistics().platform, wanted);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(value(pool.run()).receipt.platform, wanted);
    pool.close(Pool::Close::kFinish);
    EXPECT_EQ(pool.statistics().platform, wanted);
  }
}

// A pool that makes new machines while the default changes: they are of the platform that it began with.
TEST_F(Platforms, OfPoolsNeverChange) {
  name("process");
  PoolOptions options;
  options.machine = options_on(Platform::kAutomatic);
  options.machine.devices = {capture(), picky()};
  options.workers = 2;
  const Snapshot snapshot = value(Snapshot::take(load("host_function"), options.machine));
  for (const bool from_snapshot : {false, true}) {
    name("process");
    Pool pool = value(from_snapshot ? Pool::create(snapshot, options) : Pool::create(load("host_function"), options));
    for (const char* const later : {"kvm", "nonsense"}) {
      name(later);
      const std::uint64_t rebuilds = pool.statistics().rebuilds;
      // The device fails: no machine is used again after that.
      const auto failed = pool.run("more than 5 bytes");
      ASSERT_FALSE(failed);
      expect_words(failed.error().message, {"more than 5 bytes"});
      pool.drain();
      EXPECT_EQ(pool.statistics().rebuilds, rebuilds + 1);
      EXPECT_EQ(pool.statistics().platform, Platform::kProcess);
      for (int i = 0; i < 4; ++i) EXPECT_EQ(value(pool.run("few")).receipt.platform, Platform::kProcess);
    }
  }
}

}  // namespace
}  // namespace spry
