// Which pages a guest wrote, as its platform tells: a bit for each page of guest-physical memory.
#pragma once

#include <cstdint>
#include <span>

#include "spry/error.h"

namespace spry {

// What it costs, in ns (measured: bench/micro), to have the platform forget pages: `call` each time, and, for each page
// that was forgotten, `fault` when the guest writes it again.
struct ForgetCost {
  std::uint64_t call = 0;
  std::uint64_t fault = 0;
};

class WriteLog {
 public:
  static constexpr std::uint64_t kBits = 64;  // pages of each word

  virtual ~WriteLog() = default;

  // The pages that were written since they were last forgotten, from guest-physical 0 on; valid until the next call.
  // Pages that the monitor wrote itself may be among them or not. Errors: those of code_for.
  virtual Result<std::span<const std::uint64_t>> fetch() = 0;

  // Forgets the pages of `chosen`, which may be what `fetch` answered. If forgets_all(), forgets all pages instead,
  // unless `chosen` names none. Errors: those of code_for.
  virtual Result<void> forget(std::span<const std::uint64_t> chosen) = 0;
  virtual bool forgets_all() const = 0;
  virtual ForgetCost cost() const = 0;
};

}  // namespace spry
