// The parts of a file that are no holes. Pages that were never written take no memory, and must not be read: looking at
// a memfd's holes makes them resident.
#pragma once

#include <vector>

#include "spry/image.h"

namespace spry {

// The runs of a file's bytes from `range` that are no holes, in ascending order. A file system without holes answers
// that all is data.
std::vector<Range> data_runs(int descriptor, Range range);

}  // namespace spry
