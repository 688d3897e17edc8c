#include "tool/latency.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>

#include "text/format.h"

namespace spry::bench {

std::vector<LatencySamples> measure_latency(std::span<System* const> systems, const LatencyOptions& options,
                                            std::string_view title, Progress& progress) {
  std::vector<LatencySamples> samples;
  std::vector<std::unique_ptr<Runner>> runners;
  for (System* const system : systems) {
    samples.push_back({system->description().name, {}, {}, {}, {}});
    Result<std::unique_ptr<Runner>> runner = system->runner();
    if (!runner) samples.back().failure = runner.error().message;
    runners.push_back(runner ? std::move(*runner) : nullptr);
  }
  // The order is random, because the kernel still clears up after a system when the next one runs: in a fixed order
  // that would always slow down the same one.
  std::vector<std::size_t> order(systems.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 generator(1);
  for (unsigned round = 0; round < options.warm_up + options.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), generator);
    for (const std::size_t i : order) {
      if (!samples[i].failure.empty()) continue;
      progress.show(fmt::format("{}: round {} of {}, {}", title, round + 1, options.warm_up + options.rounds,
                                systems[i]->description().label));
      if (options.gap > Nanoseconds{}) sleep_until(Clock::now() + options.gap);
      const Result<Action> action = runners[i]->run();
      if (!action) {
        samples[i].failure = action.error().message;
      } else if (round >= options.warm_up) {
        samples[i].hello.push_back(microseconds(action->hello - action->start));
        samples[i].end.push_back(microseconds(action->end - action->start));
        if (action->usage) samples[i].usage.push_back(*action->usage);
      }
    }
  }
  return samples;
}

}  // namespace spry::bench
