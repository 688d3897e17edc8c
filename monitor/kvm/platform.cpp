// The platform `kvm`, as the table of platforms has it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "kvm/diagnosis.h"
#include "kvm/kvm_vcpu.h"
#include "platform/platforms.h"

namespace spry {
namespace {

Result<std::unique_ptr<Vcpu>> make(const ShellRequest& request) {
  return KvmVcpu::make(request.end, request.logged_pages);
}

// ENODEV and ENXIO: the device's node is there, and no driver behind it.
bool exists() {
  const int descriptor = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return errno != ENOENT && errno != ENODEV && errno != ENXIO;
  close(descriptor);
  return true;
}

}  // namespace

extern const PlatformEntry kvm_platform;
const PlatformEntry kvm_platform = {Platform::kKvm, make, exists, examine_kvm};

}  // namespace spry
