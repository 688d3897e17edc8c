#include "handles.h"

namespace spry::c {

spry_error* out_of_memory() noexcept {
  // Short enough to need no memory of its own.
  static spry_error error = {{ErrorCode::kMonitor, "out of memory"}};
  return &error;
}

spry_error* make_error(Error error) noexcept {
  auto* made = new (std::nothrow) spry_error{std::move(error)};
  return made != nullptr ? made : out_of_memory();
}

void store(spry_error** to, spry_error* error) noexcept {
  if (to != nullptr) {
    *to = error;
  } else {
    spry_error_free(error);
  }
}

}  // namespace spry::c

const char* spry_version(void) { return SPRY_VERSION; }

enum spry_code spry_error_code(const spry_error* error) {
  switch (error->error.code) {
    case spry::ErrorCode::kNotFound:
      return SPRY_NOT_FOUND;
    case spry::ErrorCode::kNotUnikernel:
      return SPRY_NOT_UNIKERNEL;
    case spry::ErrorCode::kMonitor:
      break;
  }
  return SPRY_MONITOR;
}

const char* spry_error_message(const spry_error* error) { return error->error.message.c_str(); }

void spry_error_free(spry_error* error) {
  if (error != spry::c::out_of_memory()) delete error;
}
