#include "cli/notice.h"

#include <unistd.h>

#include "platform/platforms.h"
#include "system/io.h"

namespace spry {

void tell_of_platform(Platform wanted, Platform used) {
  if (wanted != Platform::kAutomatic || used != Platform::kProcess || platform_is_named()) return;
  if (isatty(STDERR_FILENO) == 0) return;
  // A failure is ignored: the notice is not needed.
  static_cast<void>(
      write_all(STDERR_FILENO, "spry: this machine has no KVM: the guest runs as a process (spry help platforms)\n"));
}

void tell_of_platform(Platform wanted) {
  if (wanted == Platform::kAutomatic && isatty(STDERR_FILENO) != 0) tell_of_platform(wanted, platform_for(wanted));
}

}  // namespace spry
