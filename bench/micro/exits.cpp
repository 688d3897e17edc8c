// What leaving the guest costs: a bare exit, a hypercall with all that the monitor does for it, and whole actions of
// machines that are kept.
#include <benchmark/benchmark.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "micro/parts.h"
#include "programs/least_machine.h"
#include "programs/least_process.h"
#include "spry/machine.h"
#include "tool/host.h"
#include "tool/least_runner.h"
#include "tool/platform.h"
#include "tool/spry_systems.h"

namespace {

void bare_exit(benchmark::State& state) {
  least_machine machine = {};
  if (least_machine_create(&machine, spry::bench::kLeastRunnerMemory) != 0) {
    state.SkipWithError("no machine");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(least_machine_enter(&machine));
  least_machine_destroy(&machine);
}

// What a reset through KVM adds to an exit. Each includes those before it: general registers are read and set; special
// registers are set; and, as it is done without a dirty ring, the log of written pages is asked for.
enum class Extra { kRegisters, kSpecialRegisters, kDirtyLog };

bool log_dirty_pages(const least_machine& machine) {
  kvm_enable_cap by_hand = {};
  by_hand.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
  by_hand.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
  kvm_userspace_memory_region region = {};
  region.flags = KVM_MEM_LOG_DIRTY_PAGES;
  region.memory_size = machine.memory_size;
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(machine.memory);
  return ioctl(machine.vm, KVM_ENABLE_CAP, &by_hand) == 0 &&
         ioctl(machine.vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

void bare_exit_and(benchmark::State& state, Extra last) {
  least_machine machine = {};
  constexpr std::size_t kPage = 4096;
  std::vector<std::uint64_t> written(spry::bench::kLeastRunnerMemory / kPage / 64);
  kvm_dirty_log log = {};
  log.dirty_bitmap = written.data();
  // The first entry sets all registers.
  if (least_machine_create(&machine, spry::bench::kLeastRunnerMemory) != 0 || !log_dirty_pages(machine) ||
      least_machine_enter(&machine) == nullptr) {
    state.SkipWithError("no machine");
    return;
  }
  const kvm_regs registers = machine.run->s.regs.regs;
  machine.run->kvm_valid_regs = KVM_SYNC_X86_REGS;
  for (auto _ : state) {
    machine.run->s.regs.regs = registers;
    machine.run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    if (last >= Extra::kSpecialRegisters) machine.run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
    bool done = least_machine_enter(&machine) != nullptr;
    if (last >= Extra::kDirtyLog) done = ioctl(machine.vm, KVM_GET_DIRTY_LOG, &log) == 0 && done;
    if (!done) {
      state.SkipWithError("KVM refuses");
      break;
    }
  }
  least_machine_destroy(&machine);
}

void bare_exit_registers(benchmark::State& state) { bare_exit_and(state, Extra::kRegisters); }
void bare_exit_special_registers(benchmark::State& state) { bare_exit_and(state, Extra::kSpecialRegisters); }
void bare_exit_dirty_log(benchmark::State& state) { bare_exit_and(state, Extra::kDirtyLog); }

// A bare exit of a guest that is a process: one notification is answered, and the next one received.
void bare_notification(benchmark::State& state) {
  least_process process = {};
  if (least_process_create(&process, SPRY_BINARIES "/bench-least-guest") != 0) {
    state.SkipWithError("no guest");
    return;
  }
  for (auto _ : state) {
    if (least_process_answer(&process) != 0) {
      state.SkipWithError("no notification");
      break;
    }
  }
  least_process_destroy(&process);
}

// The time of a run that makes `count` hypercalls.
spry::Result<std::chrono::nanoseconds> run_with(const spry::Image& image, spry::Platform platform,
                                                std::uint64_t count) {
  spry::MachineOptions options = spry::bench::kept_output(platform);
  options.arguments = {"bench-exits", std::to_string(count)};
  spry::Result<spry::Machine> machine = spry::Machine::create(image, std::move(options));
  if (!machine) return tl::unexpected(machine.error());
  const spry::Result<spry::Outcome> outcome = machine->run();
  if (!outcome) return tl::unexpected(outcome.error());
  return outcome->receipt.run;
}

// The time of one hypercall: a run with many, less a run without any, divided by their number.
void hypercall(benchmark::State& state, spry::Platform platform) {
  constexpr std::uint64_t kCount = 5'000;
  const spry::Result<spry::Image> image = spry::Image::load(SPRY_GUESTS "/bench-exits");
  if (!image) {
    state.SkipWithError(image.error().message.c_str());
    return;
  }
  for (auto _ : state) {
    const spry::Result<std::chrono::nanoseconds> none = run_with(*image, platform, 0);
    const spry::Result<std::chrono::nanoseconds> many = run_with(*image, platform, kCount);
    if (!none || !many) {
      state.SkipWithError((none ? many : none).error().message.c_str());
      break;
    }
    state.SetIterationTime(std::chrono::duration<double>(*many - *none).count() / kCount);
  }
}

void run_actions(benchmark::State& state, const spry::Result<std::unique_ptr<spry::bench::Runner>>& runner) {
  if (!runner) {
    state.SkipWithError(runner.error().message.c_str());
    return;
  }
  for (auto _ : state) {
    const spry::Result<spry::bench::Action> action = (*runner)->run();
    if (!action) {
      state.SkipWithError(action.error().message.c_str());
      break;
    }
  }
}

// The floors below an action of a kept machine. The clock is read before and after each action.
void bare_action(benchmark::State& state) { run_actions(state, spry::bench::make_least_runner()); }
void least_kept(benchmark::State& state) {
  run_actions(state, spry::bench::make_least_kept_runner(SPRY_BINARIES "/bench-least-guest"));
}

// One hello of a machine that is kept, and its reset.
void kept_machine(benchmark::State& state, spry::Platform platform) {
  run_actions(state, spry::bench::make_machine_runner(SPRY_GUESTS "/hello", platform));
}

// Adds an action that runs alone, and one on each CPU at once. The time is that from one action's end to the next
// one's. No way to hand actions to machines can be faster.
template <typename... Arguments>
void add_action(const std::string& name, Arguments... arguments) {
  benchmark::RegisterBenchmark(name.c_str(), arguments...);
  benchmark::RegisterBenchmark((name + "_on_all_cpus").c_str(), arguments...)
      ->Threads(static_cast<int>(std::thread::hardware_concurrency()))
      ->UseRealTime();
}

void add_platform(spry::Platform platform) {
  benchmark::RegisterBenchmark(spry::micro::name_of("hypercall", platform).c_str(), hypercall, platform)
      ->UseManualTime()
      ->Iterations(5);
  add_action(spry::micro::name_of("kept_machine", platform), kept_machine, platform);
}

}  // namespace

void spry::micro::add_exits() {
  if (spry::bench::has_kvm()) {
    benchmark::RegisterBenchmark("bare_exit", bare_exit);
    benchmark::RegisterBenchmark("bare_exit_registers", bare_exit_registers);
    benchmark::RegisterBenchmark("bare_exit_special_registers", bare_exit_special_registers);
    benchmark::RegisterBenchmark("bare_exit_dirty_log", bare_exit_dirty_log);
    add_action("bare_action", bare_action);
  }
  benchmark::RegisterBenchmark("bare_notification", bare_notification);
  add_action("least_kept", least_kept);
  for (const spry::Platform platform : spry::bench::platforms_here()) add_platform(platform);
}
