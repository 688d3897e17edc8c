// What machines that are kept alive cost: memory, and what the launcher does beside them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "spry/error.h"
#include "spry/platform.h"
#include "tool/system.h"

namespace spry::bench {

inline constexpr std::size_t kLiveFaults = 16;  // copy-on-write faults that are timed together

struct LiveResult {
  Platform platform = Platform::kKvm;
  std::size_t machines = 0;
  std::vector<double> hello;       // microseconds until Hello of one more machine, made for a cold hello in process
  std::vector<double> end;         // microseconds until that machine was destroyed
  std::vector<double> faults;      // microseconds of kLiveFaults copy-on-write faults of this process
  double memory_kib = 0;           // by which each machine reduced free memory, after its first action
  double snapshot_memory_kib = 0;  // the same for machines that share the memory with which they begin
};

// Keeps `machines` reusable machines of `image` alive, each after one hello and its reset, and takes `rounds` samples
// of each time. For snapshot_memory_kib the machines are of a snapshot of `ready_image`.
Result<LiveResult> measure_live(const std::string& image, const std::string& ready_image, Platform platform,
                                std::size_t machines, unsigned rounds);

}  // namespace spry::bench
