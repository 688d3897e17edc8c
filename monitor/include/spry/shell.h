// Shell: a VM and a vCPU without an image yet.
#pragma once

#include <memory>

#include "spry/api.h"
#include "spry/error.h"

namespace spry {

struct ShellData;

// Making one is most of a cold start, and can be done before it is known what is to run: Machine::create puts an image
// into a shell. A shell stays on the thread that created it.
class SPRY_API Shell {
 public:
  // Errors: kMonitor, with what to do about a missing or forbidden /dev/kvm.
  static Result<Shell> create();

  Shell(Shell&&) noexcept;
  Shell& operator=(Shell&&) noexcept;
  ~Shell();

 private:
  friend struct Internals;
  explicit Shell(std::unique_ptr<ShellData> data);
  std::unique_ptr<ShellData> data_;
};

}  // namespace spry
