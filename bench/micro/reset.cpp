// The reset of a machine, by the number of heap pages that its guest wrote.
#include <benchmark/benchmark.h>

#include <string>

#include "micro/parts.h"
#include "tool/clock.h"
#include "tool/platform.h"
#include "tool/spry_systems.h"

namespace {

void reset_after(benchmark::State& state, spry::Platform platform, int pages) {
  const spry::Result<spry::Image> image = spry::Image::load(SPRY_GUESTS "/bench-pages");
  if (!image) {
    state.SkipWithError(image.error().message.c_str());
    return;
  }
  spry::MachineOptions options = spry::bench::kept_output(platform);
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

}  // namespace

void spry::micro::add_resets() {
  for (const spry::Platform platform : spry::bench::platforms_here()) {
    for (const int pages : {0, 1, 10, 100, 1000}) {
      const std::string name = "reset_" + std::to_string(pages) + (pages == 1 ? "_page" : "_pages");
      benchmark::RegisterBenchmark(name_of(name, platform).c_str(), reset_after, platform, pages)->UseManualTime();
    }
  }
}
