// What `spry doctor` measures: a tiny guest of its own, without an image or a device.
#pragma once

#include <chrono>
#include <cstdint>

#include "kvm/kvm.h"
#include "spry/error.h"

namespace spry {

// The time of a loop of kRingIterations in each ring: the quickest of several runs.
inline constexpr std::uint32_t kRingIterations = 1000;
struct RingTimes {
  std::chrono::nanoseconds ring3 = {};
  std::chrono::nanoseconds ring0 = {};
  // Emulated instructions cost about a microsecond each, native ones next to nothing beside the exit: the quotient is
  // about 1 where ring 0 is native and above 20 where it is emulated.
  bool ring0_native() const { return ring0 < 4 * ring3; }
};
Result<RingTimes> measure_rings(const Kvm& kvm);

// The median of `cycles` cold starts: open /dev/kvm, create a VM with its memory and vCPU, run to the first exit,
// close.
Result<std::chrono::nanoseconds> measure_cold_start(unsigned cycles);

// The median of `cycles` starts of the program at `path` without arguments, to its end.
Result<std::chrono::nanoseconds> measure_process(const char* path, unsigned cycles);

}  // namespace spry
