#include "handles.h"

spry_shell* spry_shell_create(spry_error** error) { return spry_shell_create_on(SPRY_PLATFORM_AUTOMATIC, error); }

spry_shell* spry_shell_create_on(enum spry_platform platform, spry_error** error) {
  return spry::c::guarded<spry_shell*>(error, nullptr, [&]() -> spry::Result<spry_shell*> {
    const auto wanted = spry::c::platform(platform);
    if (!wanted) return tl::unexpected(wanted.error());
    return spry::c::handle<spry_shell>(spry::Shell::create(*wanted));
  });
}

enum spry_platform spry_shell_platform(const spry_shell* shell) { return spry::c::platform(shell->shell.platform()); }

void spry_shell_free(spry_shell* shell) { delete shell; }
