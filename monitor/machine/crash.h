// What a developer needs after a crash: registers and a backtrace.
#pragma once

#include <string>
#include <vector>

#include "cpu/registers.h"
#include "memory/guest_memory.h"
#include "spry/crash.h"
#include "spry/image.h"

namespace spry {

// Where it happened and the callers by their frame pointers, at most 32. The guest's stack is not trusted: bounded, and
// no byte of it is taken for anything but a number. `image` has the names of functions, if it is not null.
std::vector<Frame> backtrace(const Image* image, GuestMemory& memory, const Registers& registers);

// Several lines, each ended by a line feed: the frames and the general registers.
std::string describe_crash(const Crash& crash);

}  // namespace spry
