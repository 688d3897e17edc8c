#include "cli/notice.h"

#include <unistd.h>

#include <cstdlib>

#include "platform/platforms.h"
#include "system/io.h"

namespace spry {

void tell_of_platform(Platform wanted) {
  if (wanted != Platform::kAutomatic || isatty(STDERR_FILENO) == 0) return;
  if (const char* named = std::getenv("SPRY_PLATFORM"); named != nullptr && *named != '\0') return;
  const auto here = platform_here();
  if (!here || *here == Platform::kKvm) return;
  // A terminal that does not take it loses nothing that matters.
  static_cast<void>(
      write_all(STDERR_FILENO, "spry: this machine has no KVM: the guest runs as a process (spry help platforms)\n"));
}

}  // namespace spry
