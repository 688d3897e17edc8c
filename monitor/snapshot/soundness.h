// Checks that a machine can have written the metadata of a snapshot's file.
#pragma once

#include <cstdint>

#include "snapshot/parts.h"

namespace spry {

// The first rule that `parts` break, as the rest of a sentence ("its stack lies elsewhere"); null if they are sound.
// The runs must lie in a file of `file_size` bytes, from `start` on. The caller checks whether the CPU is another one.
const char* contradiction(const Parts& parts, std::uint64_t start, std::uint64_t file_size);

}  // namespace spry
