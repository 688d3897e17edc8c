#include "process/host_tsc.h"

#include <cpuid.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>

#include "system/clock.h"
#include "system/descriptor.h"

namespace spry {
namespace {

__extension__ typedef unsigned __int128 uint128;

// The largest 32-bit factor for so many ticks in so many nanoseconds.
std::optional<GuestTsc> scale(std::uint64_t ticks, std::uint64_t ns) {
  if (ticks == 0 || ns == 0) return std::nullopt;
  std::uint32_t shift = 32;
  while ((static_cast<uint128>(ns) << shift) / ticks > UINT32_MAX) --shift;
  const auto mult = static_cast<std::uint32_t>((static_cast<uint128>(ns) << shift) / ticks);
  if (mult == 0) return std::nullopt;
  return GuestTsc{0, mult, shift};
}

}  // namespace

std::optional<GuestTsc> tsc_by_kernel() {
  perf_event_attr attributes = {};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  const Descriptor event(static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event) return std::nullopt;
  const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, event.get(), 0);
  if (mapped == MAP_FAILED) return std::nullopt;
  const auto* page = static_cast<const volatile perf_event_mmap_page*>(mapped);
  std::optional<GuestTsc> result;
  if (page->cap_user_time != 0 && page->time_mult != 0 && page->time_shift <= 32) {
    result = GuestTsc{0, page->time_mult, page->time_shift};
  }
  munmap(mapped, size);
  return result;
}

// TSC frequency = crystal clock in Hz (ECX) * EBX / EAX.
std::optional<GuestTsc> tsc_by_cpuid() {
  constexpr unsigned kLeaf = 0x15;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(kLeaf, 0, &eax, &ebx, &ecx, &edx) == 0 || eax == 0 || ebx == 0 || ecx == 0) return std::nullopt;
  return scale(std::uint64_t{ecx} * ebx, kNanosecondsPerSecond * eax);
}

// Reads both clocks at two moments, each time in the closest pair of several, so that a pause between the clocks counts
// little.
std::optional<GuestTsc> tsc_by_measuring() {
  constexpr std::uint64_t kSpan = 500'000;
  constexpr int kReadings = 16;
  struct Pair {
    std::uint64_t tsc = 0;
    std::uint64_t ns = 0;
  };
  auto read = [] {
    Pair best;
    std::uint64_t closest = UINT64_MAX;
    for (int i = 0; i < kReadings; ++i) {
      const std::uint64_t before = __rdtsc();
      const std::uint64_t ns = host_monotonic_ns();
      const std::uint64_t took = __rdtsc() - before;
      if (took >= closest) continue;
      closest = took;
      best = {before + took / 2, ns};
    }
    return best;
  };
  const Pair first = read();
  while (host_monotonic_ns() - first.ns < kSpan) _mm_pause();
  const Pair last = read();
  return scale(last.tsc - first.tsc, last.ns - first.ns);
}

std::optional<GuestTsc> host_tsc() {
  static const std::optional<GuestTsc> known = [] {
    auto found = tsc_by_kernel();
    if (!found) found = tsc_by_cpuid();
    return found ? found : tsc_by_measuring();
  }();
  return known;
}

}  // namespace spry
