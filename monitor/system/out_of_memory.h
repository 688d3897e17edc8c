// Makes an allocation that fails an Error for the launcher, like everything else that goes wrong.
#pragma once

#include <new>

#include "spry/error.h"

namespace spry {

// Calls `body`, which returns a Result, and gives its result; the Error if an allocation in it fails.
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
