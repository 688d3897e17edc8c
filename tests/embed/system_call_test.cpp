// A guest that serves system calls itself does so in each action of each kind of machine, and a shell that goes to
// another guest has nothing of this left.
#include <unistd.h>

#include <utility>

#include "guest.h"
#include "spry/pool.h"
#include "spry/shell.h"
#include "spry/snapshot.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr const char* kOutput = "actions returned\n";

constexpr const char* kGuests[] = {"system_calls", "fsbase"};

MachineOptions serving(bool again, bool verify) {
  MachineOptions options = reusable();
  options.arguments = {"guest", "actions"};
  options.reusable = again;
  options.verify = verify;
  return options;
}

void expect_served(Machine& machine, bool again) {
  for (int action = 0; action < (again ? 4 : 1); ++action) {
    const Outcome outcome = value(machine.run());
    EXPECT_EQ(outcome.output, kOutput) << outcome.message;
    EXPECT_EQ(outcome.reason, Reason::kExit);
  }
}

TEST(SystemCalls, AreOfTheImageThatSaysSo) {
  EXPECT_TRUE(load("system_calls").system_calls().served());
  EXPECT_FALSE(load("fsbase").system_calls().served());
}

TEST(SystemCalls, AreServedInEachAction) {
  const std::string path = fmt::format("{}spry-system-calls-{}", testing::TempDir(), getpid());
  for (const char* guest : kGuests) {
    SCOPED_TRACE(guest);
    const Image image = load(guest);
    const Snapshot snapshot = value(Snapshot::take(image, serving(true, false)));
    ASSERT_TRUE(snapshot.save(path));
    const Snapshot loaded = value(Snapshot::load(path));
    for (const auto& [again, verify] : {std::pair(false, false), {true, false}, {true, true}}) {
      const MachineOptions options = serving(again, verify);
      Machine machine = value(Machine::create(image, options));
      expect_served(machine, again);
      for (const Snapshot* from : {&snapshot, &loaded}) {
        Machine restored = value(Machine::create(*from, options));
        expect_served(restored, again);
      }
    }
    unlink(path.c_str());
  }
}

TEST(SystemCalls, AreServedInPools) {
  for (const char* guest : kGuests) {
    for (const bool verify : {false, true}) {
      PoolOptions options;
      options.machine = serving(true, verify);
      options.workers = 2;
      Pool pool = value(Pool::create(load(guest), options));
      for (int action = 0; action < 6; ++action) EXPECT_EQ(value(pool.run("")).output, kOutput) << guest;
      EXPECT_EQ(pool.statistics().rebuilds, 0u);
    }
  }
}

TEST(SystemCalls, AreFaultsInTheShellsNextGuest) {
  Shell shell = value(Shell::create());
  for (int round = 0; round < 2; ++round) {
    Machine machine = value(Machine::create(std::move(shell), load("system_calls"), serving(false, false)));
    expect_served(machine, false);
    shell = value(std::move(machine).release());
    MachineOptions options;
    options.devices = {capture()};
    options.arguments = {"forbidden", "syscall"};
    Machine next = value(Machine::create(std::move(shell), load("forbidden"), options));
    const Outcome outcome = value(next.run());
    EXPECT_EQ(outcome.reason, Reason::kFault);
    EXPECT_EQ(outcome.message, "system call instruction (syscall)");
    shell = value(std::move(next).release());
  }
}

}  // namespace
}  // namespace spry
