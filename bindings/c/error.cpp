#include "handles.h"

namespace {

// The two enumerations have the same order, and the one of C begins at 1.
constexpr bool same(spry_code c, spry::ErrorCode code) { return static_cast<int>(c) == static_cast<int>(code) + 1; }
static_assert(same(SPRY_NOT_FOUND, spry::ErrorCode::kNotFound) &&
              same(SPRY_NOT_UNIKERNEL, spry::ErrorCode::kNotUnikernel) &&
              same(SPRY_MONITOR, spry::ErrorCode::kMonitor) &&
              same(SPRY_INVALID_ARGUMENT, spry::ErrorCode::kInvalidArgument) &&
              same(SPRY_UNAVAILABLE, spry::ErrorCode::kUnavailable) &&
              same(SPRY_PERMISSION, spry::ErrorCode::kPermission) &&
              same(SPRY_RESOURCES, spry::ErrorCode::kResources) && same(SPRY_CLOSED, spry::ErrorCode::kClosed) &&
              same(SPRY_TOO_LARGE, spry::ErrorCode::kTooLarge) && same(SPRY_FILE, spry::ErrorCode::kFile) &&
              same(SPRY_CANCELLED, spry::ErrorCode::kCancelled) && same(SPRY_BUSY, spry::ErrorCode::kBusy));

}  // namespace

namespace spry::c {

spry_error* out_of_memory() noexcept {
  // Short enough to need no memory of its own.
  static spry_error error = {{ErrorCode::kResources, "out of memory"}};
  return &error;
}

Error take(spry_error* error) noexcept {
  Error taken = error->error;
  spry_error_free(error);
  return taken;
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

spry_error* spry_error_create(enum spry_code code, const char* message) {
  int number = 0;
  std::memcpy(&number, &code, sizeof number);
  const bool known = number >= SPRY_NOT_FOUND && number <= SPRY_BUSY;
  spry_error* made = nullptr;
  static_cast<void>(spry::c::guarded(&made, 0, [&]() -> spry::Result<int> {
    return spry::fail(known ? static_cast<spry::ErrorCode>(number - 1) : spry::ErrorCode::kMonitor, message);
  }));
  return made;
}

enum spry_code spry_error_code(const spry_error* error) {
  return static_cast<spry_code>(static_cast<int>(error->error.code) + 1);
}

const char* spry_error_message(const spry_error* error) { return error->error.message.c_str(); }

void spry_error_free(spry_error* error) {
  if (error != spry::c::out_of_memory()) delete error;
}
