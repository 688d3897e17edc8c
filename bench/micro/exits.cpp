// Leaving the guest: a bare exit, a hypercall with everything that the monitor does for it, and whole actions of kept
// machines.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <thread>

#include "programs/least_machine.h"
#include "spry/machine.h"
#include "tool/least_runner.h"
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
BENCHMARK(bare_exit);

// The time of a run that makes `count` hypercalls.
spry::Result<std::chrono::nanoseconds> run_with(const spry::Image& image, std::uint64_t count) {
  spry::MachineOptions options;
  options.arguments = {"bench-exits", std::to_string(count)};
  spry::Result<spry::Machine> machine = spry::Machine::create(image, std::move(options));
  if (!machine) return tl::unexpected(machine.error());
  const spry::Result<spry::Outcome> outcome = machine->run();
  if (!outcome) return tl::unexpected(outcome.error());
  return outcome->receipt.run;
}

// A run with many hypercalls less one without any, divided.
void hypercall(benchmark::State& state) {
  constexpr std::uint64_t kCount = 5'000;
  const spry::Result<spry::Image> image = spry::Image::load(SPRY_GUESTS "/bench-exits");
  if (!image) {
    state.SkipWithError(image.error().message.c_str());
    return;
  }
  for (auto _ : state) {
    const spry::Result<std::chrono::nanoseconds> none = run_with(*image, 0);
    const spry::Result<std::chrono::nanoseconds> many = run_with(*image, kCount);
    if (!none || !many) {
      state.SkipWithError((none ? many : none).error().message.c_str());
      break;
    }
    state.SetIterationTime(std::chrono::duration<double>(*many - *none).count() / kCount);
  }
}
BENCHMARK(hypercall)->UseManualTime()->Iterations(5);

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

// The floor of a kept machine's action, with the clock read before and after it.
void bare_action(benchmark::State& state) { run_actions(state, spry::bench::make_least_runner()); }
BENCHMARK(bare_action);

// A hello of a kept machine and its reset.
void kept_machine(benchmark::State& state) {
  run_actions(state, spry::bench::make_machine_runner(SPRY_GUESTS "/hello"));
}
BENCHMARK(kept_machine);

// Both with a machine for each CPU and nothing else to do: the time from one end to the next, which is what any way to
// hand actions to machines stays above.
const int kAtOnce = static_cast<int>(std::thread::hardware_concurrency());
void bare_action_on_all_cpus(benchmark::State& state) { bare_action(state); }
void kept_machine_on_all_cpus(benchmark::State& state) { kept_machine(state); }
BENCHMARK(bare_action_on_all_cpus)->Threads(kAtOnce)->UseRealTime();
BENCHMARK(kept_machine_on_all_cpus)->Threads(kAtOnce)->UseRealTime();

}  // namespace
