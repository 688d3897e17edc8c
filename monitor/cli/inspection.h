// What `spry inspect` tells about an image or a snapshot.
#pragma once

#include <string>

#include "spry/image.h"
#include "spry/snapshot.h"

namespace spry {

// Lines for a person, ending with a line feed.
std::string format_inspection(const Image& image);
std::string format_inspection(const Snapshot& snapshot);
// The same as one JSON object and a line feed; addresses and sizes are numbers.
std::string format_inspection_json(const Image& image);
std::string format_inspection_json(const Snapshot& snapshot);

}  // namespace spry
