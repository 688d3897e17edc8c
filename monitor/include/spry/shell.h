// Shell: a guest's CPU that has no image yet. It is a VM with its vCPU (kKvm) or a process (kProcess).
#pragma once

#include <memory>

#include "spry/api.h"
#include "spry/error.h"
#include "spry/platform.h"

namespace spry {

class Vcpu;

// Making a shell is most of a cold start, and can be done before it is known what is to run: Machine::create puts an
// image into a shell. A shell is used only by the thread that created it.
class SPRY_API Shell {
 public:
  // Errors: kUnavailable or kPermission, with what to do about it, if the platform cannot be used here (there is no
  // /dev/kvm, or it is forbidden); kInvalidArgument if SPRY_PLATFORM in the environment names no platform; kResources.
  // A process (kProcess) may still be starting when this returns; if it fails, the first run of its machine gives the
  // Error.
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
