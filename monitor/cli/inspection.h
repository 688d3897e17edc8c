// What `spry inspect` tells about an image.
#pragma once

#include <string>

#include "spry/image.h"

namespace spry {

// Lines for a person, ending with a line feed.
std::string format_inspection(const Image& image);
// The same as one JSON object and a line feed; addresses and sizes are numbers.
std::string format_inspection_json(const Image& image);

}  // namespace spry
