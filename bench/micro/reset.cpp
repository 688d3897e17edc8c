// The reset of a machine, by the number of heap pages that its guest wrote.
#include <benchmark/benchmark.h>

#include <string>

#include "tool/clock.h"
#include "tool/spry_systems.h"

namespace {

void reset_after(benchmark::State& state, int pages) {
  const spry::Result<spry::Image> image = spry::Image::load(SPRY_GUESTS "/bench-pages");
  if (!image) {
    state.SkipWithError(image.error().message.c_str());
    return;
  }
  spry::MachineOptions options = spry::bench::kept_output();
  options.arguments = {"bench-pages", std::to_string(pages)};
  options.reusable = true;
  spry::Result<spry::Machine> machine = spry::Machine::create(*image, std::move(options));
  if (!machine) {
    state.SkipWithError(machine.error().message.c_str());
    return;
  }
  for (auto _ : state) {
    const spry::Result<void> checked = spry::bench::check_hello(machine->run());
    const spry::bench::Time start = spry::bench::Clock::now();
    const spry::Result<void> reset = machine->reset();
    const spry::bench::Time end = spry::bench::Clock::now();
    if (!checked || !reset) {
      state.SkipWithError((checked ? reset : checked).error().message.c_str());
      break;
    }
    state.SetIterationTime(spry::bench::seconds(end - start));
  }
}

void reset_0_pages(benchmark::State& state) { reset_after(state, 0); }
void reset_1_page(benchmark::State& state) { reset_after(state, 1); }
void reset_10_pages(benchmark::State& state) { reset_after(state, 10); }
void reset_100_pages(benchmark::State& state) { reset_after(state, 100); }
void reset_1000_pages(benchmark::State& state) { reset_after(state, 1000); }
BENCHMARK(reset_0_pages)->UseManualTime();
BENCHMARK(reset_1_page)->UseManualTime();
BENCHMARK(reset_10_pages)->UseManualTime();
BENCHMARK(reset_100_pages)->UseManualTime();
BENCHMARK(reset_1000_pages)->UseManualTime();

}  // namespace
