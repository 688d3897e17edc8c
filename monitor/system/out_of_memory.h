// Turns a failed allocation into an Error for the launcher, like all other failures.
#pragma once

#include <new>

#include "spry/error.h"

namespace spry {

// Calls `body`, which returns a Result, and returns that; or an Error (kResources) if an allocation in `body` fails.
template <class Body>
auto or_out_of_memory(Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    // Short enough for a string that allocates nothing.
    return fail(ErrorCode::kResources, "out of memory");
  }
}

}  // namespace spry
