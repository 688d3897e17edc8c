#include "tool/live.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <string_view>

#include "spry/machine.h"
#include "spry/snapshot.h"
#include "system/descriptor.h"
#include "text/format.h"
#include "tool/platform.h"
#include "tool/spry_systems.h"
#include "tool/statistics.h"

namespace spry::bench {
namespace {

constexpr std::size_t kPage = 4096;

tl::unexpected<Error> failure(const char* what) {
  return fail(ErrorCode::kMonitor, fmt::format("{}: {}", what, std::strerror(errno)));
}

// The sum of the numbers that follow `key` in a file of words.
double sum_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  std::string word;
  double sum = 0;
  while (file >> word) {
    double value = 0;
    if (word == key && file >> value) sum += value;
  }
  return sum;
}

// Uses MemFree, because memory that the kernel takes for a machine is still part of MemAvailable. Adds the free pages
// that each CPU keeps at hand, because a few machines may be made of those alone, without a change of MemFree.
double free_kib() {
  constexpr double kPageKib = 4;
  return sum_of("/proc/meminfo", "MemFree:") + kPageKib * sum_of("/proc/zoneinfo", "count:");
}

MachineOptions kept(Platform platform) {
  MachineOptions options = kept_output(platform);
  options.reusable = true;
  return options;
}

Result<std::vector<Machine>> make_machines(const std::function<Result<Machine>()>& make, std::size_t count) {
  std::vector<Machine> machines;
  machines.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Result<Machine> machine = make();
    if (!machine) return tl::unexpected(machine.error());
    const Result<void> checked = check_hello(machine->run());
    if (!checked) return tl::unexpected(checked.error());
    const Result<void> reset = machine->reset();
    if (!reset) return tl::unexpected(reset.error());
    machines.push_back(std::move(*machine));
  }
  return machines;
}

// KiB of memory for each of `count` machines. A few machines take so little that other processes disturb the
// measurement: so it is repeated, and the median counts.
Result<double> memory_of(const std::function<Result<Machine>()>& make, std::size_t count) {
  constexpr std::size_t kWanted = 100;
  constexpr std::size_t kMost = 5;
  // The kernel frees the memory of closed machines a little later.
  constexpr Nanoseconds kSettle = std::chrono::milliseconds(100);
  std::vector<double> samples;
  for (std::size_t i = 0; i < std::clamp<std::size_t>(kWanted / count, 1, kMost); ++i) {
    sleep_until(Clock::now() + kSettle);
    const double before = free_kib();
    const Result<std::vector<Machine>> machines = make_machines(make, count);
    if (!machines) return tl::unexpected(machines.error());
    samples.push_back((before - free_kib()) / static_cast<double>(count));
  }
  return median(std::move(samples));
}

// The time of writes to private pages of a file that were read before. Each write copies a page, and the kernel tells
// KVM of it for each machine.
Result<double> time_faults() {
  const Descriptor file(memfd_create("spry-bench", MFD_CLOEXEC));
  if (!file || ftruncate(file.get(), kLiveFaults * kPage) != 0) return failure("memfd");
  void* const memory = mmap(nullptr, kLiveFaults * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) return failure("mmap");
  auto* const bytes = static_cast<volatile unsigned char*>(memory);
  unsigned sum = 0;
  for (std::size_t i = 0; i < kLiveFaults; ++i) sum += bytes[i * kPage];
  const Time start = Clock::now();
  for (std::size_t i = 0; i < kLiveFaults; ++i) bytes[i * kPage] = static_cast<unsigned char>(sum + 1);
  const Time end = Clock::now();
  munmap(memory, kLiveFaults * kPage);
  return microseconds(end - start);
}

}  // namespace

Result<LiveResult> measure_live(const std::string& image, const std::string& ready_image, Platform platform,
                                std::size_t count, unsigned rounds) {
  LiveResult result;
  result.platform = platform;
  result.machines = count;
  const Result<Image> loaded = Image::load(image);
  if (!loaded) return tl::unexpected(loaded.error());
  const Result<Image> ready = Image::load(ready_image);
  if (!ready) return tl::unexpected(ready.error());
  const Result<Snapshot> snapshot = Snapshot::take(*ready, kept(platform));
  if (!snapshot) return tl::unexpected(snapshot.error());
  const auto make = [&] { return Machine::create(*loaded, kept(platform)); };
  const auto make_shared = [&] { return Machine::create(*snapshot, kept(platform)); };
  if (count > 0) {
    const Result<double> memory = memory_of(make, count);
    if (!memory) return tl::unexpected(memory.error());
    const Result<double> shared = memory_of(make_shared, count);
    if (!shared) return tl::unexpected(shared.error());
    result.memory_kib = *memory;
    result.snapshot_memory_kib = *shared;
  }
  const Result<std::vector<Machine>> machines = make_machines(make, count);
  if (!machines) return tl::unexpected(machines.error());
  const Result<std::unique_ptr<Runner>> runner = make_cold_runner(image, platform);
  if (!runner) return tl::unexpected(runner.error());
  for (unsigned round = 0; round < rounds; ++round) {
    const Result<Action> action = (*runner)->run();
    if (!action) return tl::unexpected(action.error());
    result.hello.push_back(microseconds(action->hello - action->start));
    result.end.push_back(microseconds(action->end - action->start));
    const Result<double> faults = time_faults();
    if (!faults) return tl::unexpected(faults.error());
    result.faults.push_back(*faults);
  }
  return result;
}

}  // namespace spry::bench
