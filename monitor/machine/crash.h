// What a developer needs after a crash: registers and a backtrace.
#pragma once

#include <string>
#include <vector>

#include "cpu/registers.h"
#include "memory/guest_memory.h"
#include "spry/crash.h"
#include "spry/image.h"

namespace spry {

// The frame of the crash and its callers', by their frame pointers, at most 32. The guest's stack is not trusted: the
// number of reads is bounded, and each of them is checked (GuestMemory::copy). `image`, if it is not null, has the
// names of functions.
std::vector<Frame> backtrace(const Image* image, GuestMemory& memory, const Registers& registers);

// Several lines, each ended by a line feed: the frames and the general registers.
std::string describe_crash(const Crash& crash);

}  // namespace spry
