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
  std::vector<double> hello;       // microseconds of one more machine, created for a cold in-process hello
  std::vector<double> end;         // and until it was destroyed
  std::vector<double> faults;      // microseconds of kLiveFaults copy-on-write faults of this process
  double memory_kib = 0;           // by which free memory fell for each, after its first action
  double snapshot_memory_kib = 0;  // the same for machines that share what they begin with
};

// Keeps so many reusable machines of `image`, each after one hello and its reset, and for the last figure machines of a
// snapshot of `ready_image`; takes `rounds` samples of each time.
Result<LiveResult> measure_live(const std::string& image, const std::string& ready_image, Platform platform,
                                std::size_t machines, unsigned rounds);

}  // namespace spry::bench
