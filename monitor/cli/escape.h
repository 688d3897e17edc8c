// Text of others made safe for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace spry {

// `text` with every byte that is not printable ASCII, and every backslash, written as \xNN. Longer texts than
// 256 bytes are cut with "...".
std::string escape(std::string_view text);

}  // namespace spry
