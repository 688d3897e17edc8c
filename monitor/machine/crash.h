// What a developer needs after a crash: registers and a backtrace.
#pragma once

#include <string>

#include "cpu/registers.h"
#include "memory/guest_memory.h"
#include "spry/image.h"

namespace spry {

// Several lines, each ended by a line feed: where it happened, the callers by their frame pointers (at most 32), and
// the general registers. The guest's stack is not trusted: bounded, and no byte of it is printed but as a number.
// `image` has the names of functions, if it is not null.
std::string describe_crash(const Image* image, GuestMemory& memory, const Registers& registers);

}  // namespace spry
