#include "handles.h"

spry_shell* spry_shell_create(spry_error** error) {
  return spry::c::guarded<spry_shell*>(error, nullptr,
                                       [] { return spry::c::handle<spry_shell>(spry::Shell::create()); });
}

void spry_shell_free(spry_shell* shell) { delete shell; }
