// What is behind the opaque types of spry.h, and how the calls turn Results and exceptions into what C knows.
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

// An error for the caller; if there is no memory for one, the one that says so.
spry_error* make_error(Error error) noexcept;
spry_error* out_of_memory() noexcept;

// Stores it where the caller wants it, if it wants it.
void store(spry_error** to, spry_error* error) noexcept;

// Runs `body`, which returns a Result<T>. Gives its value; or stores its error, or what it throws, and gives `failure`.
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

// A Handle on the heap for a Result of what it holds.
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

// The caller's structure, which begins with its size, in full: members that it does not have are zero. Refused, if it
// has members that are not zero and that this library does not know.
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

// What a platform of the caller's is here, whatever number it holds.
Result<Platform> platform(const spry_platform& given);

// The other way.
constexpr spry_platform platform(Platform from) { return static_cast<spry_platform>(from); }

Result<MachineOptions> machine_options(const spry_machine_options* given);
Result<ActionOptions> action_options(const spry_action_options* given);

// A device that the attachment's functions serve.
Result<Attachment> attachment(const spry_attachment* given);

// Takes what is in `error`.
Error take(spry_error* error) noexcept;

}  // namespace spry::c
