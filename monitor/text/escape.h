// Makes untrusted text, from a guest, a file or a file's name, safe for a terminal and for a line of a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace spry {

// Returns `text` with two changes. Each byte of a control character (C0, DEL, C1: a terminal obeys them), and each byte
// that is not part of valid UTF-8 (Unicode 15, table 3-7), is written as \xNN. A backslash is doubled, so that the
// result is unambiguous. If the result would have more than `maximum` bytes, whole characters are left out at its end,
// and "..." takes their place.
std::string escape(std::string_view text, std::size_t maximum = 256);

// The same for a path, or another name of a file, in a sentence: at most 1024 bytes.
std::string escape_path(std::string_view path);

}  // namespace spry
