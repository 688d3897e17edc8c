// A stack of known size for a call, whatever the thread's own has left.
#pragma once

#include <cstddef>

namespace spry {

// Calls `call(argument)`, which must not throw, on a new stack of `size` bytes, a multiple of 4096. Below the stack
// lies a guard of the same size, where every access faults. Both are unmapped after the call. Returns false, without
// calling anything, if mmap(2) fails.
[[nodiscard]] bool on_own_stack(std::size_t size, void (*call)(void*), void* argument);

}  // namespace spry
