// Loading an image, and laying it out.
#include "spry/image.h"

#include <benchmark/benchmark.h>

#include "memory/layout.h"

namespace {

constexpr const char* kHello = SPRY_GUESTS "/hello";

void load(benchmark::State& state) {
  for (auto _ : state) {
    spry::Result<spry::Image> image = spry::Image::load(kHello);
    if (!image) {
      state.SkipWithError(image.error().message.c_str());
      break;
    }
    benchmark::DoNotOptimize(image);
  }
}
BENCHMARK(load);

void layout(benchmark::State& state) {
  const spry::Result<spry::Image> image = spry::Image::load(kHello);
  if (!image) {
    state.SkipWithError(image.error().message.c_str());
    return;
  }
  spry::LayoutRequest request;
  request.memory = std::uint64_t{16} << 20;
  request.boot = 4096;
  for (auto _ : state) {
    spry::Result<spry::Layout> result = spry::lay_out(*image, request);
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(layout);

}  // namespace
