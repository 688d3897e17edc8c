// A stack of known size for a call, whatever the thread's own has left.
#pragma once

#include <cstddef>

namespace spry {

// Calls `call(argument)`, which does not throw, on a stack of `size` bytes, a multiple of 4096, that is there for this
// call alone, above as much that faults. False, without calling it, if there is no memory for that (mmap(2)).
[[nodiscard]] bool on_own_stack(std::size_t size, void (*call)(void*), void* argument);

}  // namespace spry
