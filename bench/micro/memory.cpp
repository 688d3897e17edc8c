// The check of a guest's pointer.
#include <benchmark/benchmark.h>

#include "memory/guest_memory.h"

namespace {

void pointer_check(benchmark::State& state) {
  constexpr std::uint64_t kSize = std::uint64_t{16} << 20;
  constexpr std::uint64_t kPage = 4096;
  spry::Result<spry::GuestMemory> memory = spry::GuestMemory::reserve(kSize);
  if (!memory) {
    state.SkipWithError(memory.error().message.c_str());
    return;
  }
  // As many regions as a small guest has: boot pages, stack, text, data, heap.
  const spry::Permissions read{.read = true};
  const spry::Permissions write{.read = true, .write = true};
  memory->set_regions({{{8 * kPage, 9 * kPage}, read},
                       {{16 * kPage, 80 * kPage}, write},
                       {{256 * kPage, 260 * kPage}, read},
                       {{260 * kPage, 262 * kPage}, write},
                       {{262 * kPage, kSize}, write}},
                      0);
  const auto pointer = spry::GuestPointer{300 * kPage};
  for (auto _ : state) benchmark::DoNotOptimize(memory->resolve(pointer, kPage, spry::Access::kWrite));
}
BENCHMARK(pointer_check);

}  // namespace
