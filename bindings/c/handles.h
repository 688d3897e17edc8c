// What the opaque types of spry.h hold, and helpers that turn Results and exceptions into return values of C.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "spry.h"
#include "spry/machine.h"
#include "spry/pool.h"

struct spry_error {
  spry::Error error;
};
struct spry_image {
  spry::Image image;
};
struct spry_shell {
  spry::Shell shell;
};
struct spry_machine {
  spry::Machine machine;
};
struct spry_snapshot {
  spry::Snapshot snapshot;
};
struct spry_pool {
  spry::Pool pool;
};
struct spry_outcome {
  spry::Outcome outcome;
};

namespace spry::c {

// An error for the caller. If there is no memory for it, make_error returns out_of_memory(), which is always there.
spry_error* make_error(Error error) noexcept;
spry_error* out_of_memory() noexcept;

// Stores `error` in `*to`; frees it if `to` is null.
void store(spry_error** to, spry_error* error) noexcept;

// Runs `body`, which returns a Result<T>, and returns the value in it. If `body` fails or throws, stores the error and
// returns `failure`.
template <class T, class Body>
T guarded(spry_error** error, T failure, Body body) noexcept {
  store(error, nullptr);
  try {
    Result<T> result = body();
    if (result) return *std::move(result);
    store(error, make_error(std::move(result.error())));
  } catch (const std::bad_alloc&) {
    store(error, out_of_memory());
  } catch (const std::exception& thrown) {
    try {
      store(error, make_error({ErrorCode::kMonitor, thrown.what()}));
    } catch (...) {
      store(error, out_of_memory());
    }
  }
  return failure;
}

// Moves the value of a Result into a new Handle.
template <class Handle, class T>
Result<Handle*> handle(Result<T> result) {
  if (!result) return tl::unexpected(std::move(result.error()));
  return new Handle{*std::move(result)};
}

inline std::uint64_t nanoseconds(std::chrono::nanoseconds duration) {
  return static_cast<std::uint64_t>(duration.count());
}

inline std::span<const std::byte> bytes(const void* data, std::size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

// Fills the caller's structure, which begins with its size, with as much of `full` as it has room for.
template <class T>
void fill(T* to, T full) noexcept {
  full.size = std::min(to->size, sizeof full);
  std::memcpy(to, &full, full.size);
}

// Copies the caller's structure, which begins with its size. Members that it is too small to have are zero. An Error if
// it has members that this library does not know and that are not zero.
template <class T>
Result<T> read(const T* given, const char* name) {
  T options = {};
  if (given == nullptr) return options;
  if (given->size < sizeof given->size) {
    return fail(ErrorCode::kInvalidArgument, std::string("struct ") + name + " has a size of " +
                                                 std::to_string(given->size) + "; it must be sizeof(struct " + name +
                                                 ")");
  }
  const auto* const all = reinterpret_cast<const unsigned char*>(given);
  if (given->size > sizeof options &&
      std::any_of(all + sizeof options, all + given->size, [](auto b) { return b != 0; })) {
    return fail(ErrorCode::kInvalidArgument,
                std::string("struct ") + name + " asks for what Spry " SPRY_VERSION " does not have");
  }
  std::memcpy(&options, given, std::min(given->size, sizeof options));
  return options;
}

// The Platform for the caller's; an Error if that holds a number that the enumeration does not have.
Result<Platform> platform(const spry_platform& given);

// The spry_platform for a Platform.
constexpr spry_platform platform(Platform from) { return static_cast<spry_platform>(from); }

Result<MachineOptions> machine_options(const spry_machine_options* given);
Result<ActionOptions> action_options(const spry_action_options* given);

// A device that the attachment's functions serve.
Result<Attachment> attachment(const spry_attachment* given);

// Takes the Error out of `error`, which is freed.
Error take(spry_error* error) noexcept;

}  // namespace spry::c
