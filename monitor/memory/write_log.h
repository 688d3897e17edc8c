// Which pages a guest wrote, as its platform tells: a bit for each page of guest-physical memory.
#pragma once

#include <cstdint>
#include <span>

#include "spry/error.h"

namespace spry {

// What it costs, in ns (measured: bench/micro), to have the platform forget pages: once for each time, and, for each
// page that was forgotten, a fault when the guest writes it again.
struct ForgetCost {
  std::uint64_t call = 0;
  std::uint64_t fault = 0;
};

class WriteLog {
 public:
  static constexpr std::uint64_t kBits = 64;  // pages of each word

  virtual ~WriteLog() = default;

  // The pages that were written since they were last forgotten, from guest-physical 0 on; valid until the next call.
  // What the monitor wrote itself may be in it or not. Errors: those of code_for.
  virtual Result<std::span<const std::uint64_t>> fetch() = 0;

  // Forgets pages: those of `chosen`, which may be what `fetch` answered, or all if that is all the platform can.
  // Errors: those of code_for.
  virtual Result<void> forget(std::span<const std::uint64_t> chosen) = 0;
  virtual bool forgets_all() const = 0;
  virtual ForgetCost cost() const = 0;
};

}  // namespace spry
