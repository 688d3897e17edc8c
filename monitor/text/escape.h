// Text from a guest, a file or a name that nobody vouches for, made fit for a terminal and a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace spry {

// `text` with each byte of a control character (C0, DEL, C1: a terminal obeys them) and each byte that is not part of
// valid UTF-8 (Unicode 15, table 3-7) written as \xNN, and a backslash doubled, so that the result is unambiguous. At
// most `maximum` bytes: if that is too few, whole characters are left out at the end and "..." says so.
std::string escape(std::string_view text, std::size_t maximum = 256);

// A path, or another name of a file, in a sentence: the same, of up to 1024 bytes.
std::string escape_path(std::string_view path);

}  // namespace spry
