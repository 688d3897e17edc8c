// Whether the metadata of a snapshot's file is what a machine can have written.
#pragma once

#include <cstdint>

#include "snapshot/parts.h"

namespace spry {

// The first rule that `parts` break, as the rest of a sentence ("its stack lies elsewhere"); null if they are sound.
// The runs lie in a file of `file_size` bytes, from `start` on. That the CPU is another one is a rule of the caller's.
const char* contradiction(const Parts& parts, std::uint64_t start, std::uint64_t file_size);

}  // namespace spry
