// Leaving the guest: a bare exit, and a hypercall with everything that the monitor does for it.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>

#include "spry/machine.h"
#include "tool/least_runner.h"

namespace {

void bare_exit(benchmark::State& state) {
  const spry::Result<std::unique_ptr<spry::bench::Runner>> runner = spry::bench::make_least_runner();
  if (!runner) {
    state.SkipWithError(runner.error().message.c_str());
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize((*runner)->run());
}
BENCHMARK(bare_exit);

// The time of a run that makes `count` hypercalls.
spry::Result<std::chrono::nanoseconds> run_with(const spry::Image& image, std::uint64_t count) {
  spry::MachineOptions options;
  options.arguments = {"bench-exits", std::to_string(count)};
  spry::Result<spry::Machine> machine = spry::Machine::create(image, std::move(options), {});
  if (!machine) return tl::unexpected(machine.error());
  const spry::Result<spry::Receipt> receipt = machine->run();
  if (!receipt) return tl::unexpected(receipt.error());
  return receipt->run;
}

// A run with many hypercalls less one without any, divided.
void hypercall(benchmark::State& state) {
  constexpr std::uint64_t kCount = 10'000;
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

}  // namespace
