// Shell: a guest's CPU without an image yet, a VM with its vCPU or a process.
#pragma once

#include <memory>

#include "spry/api.h"
#include "spry/error.h"
#include "spry/platform.h"

namespace spry {

class Vcpu;

// Making one is most of a cold start, and can be done before it is known what is to run: Machine::create puts an image
// into a shell. A shell stays on the thread that created it.
class SPRY_API Shell {
 public:
  // Errors: kUnavailable or kPermission, with what to do about it, where the platform cannot be used here (there is no
  // /dev/kvm, or it is forbidden); kInvalidArgument if SPRY_PLATFORM in the environment names none; kResources. A
  // process (kProcess) goes on starting by itself; if it fails to, the first run of its machine gives the Error.
  static Result<Shell> create(Platform platform = Platform::kAutomatic);

  // Never kAutomatic.
  Platform platform() const;

  Shell(Shell&&) noexcept;
  Shell& operator=(Shell&&) noexcept;
  ~Shell();

 private:
  friend struct Internals;
  explicit Shell(std::unique_ptr<Vcpu> data);
  std::unique_ptr<Vcpu> data_;
};

}  // namespace spry
