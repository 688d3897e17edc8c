// spry-bench-micro: single parts, by Google Benchmark.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "micro/parts.h"

int main(int argc, char** argv) {
  // The benchmark itself chooses the platforms.
  unsetenv("SPRY_PLATFORM");
  spry::micro::add_exits();
  spry::micro::add_resets();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
