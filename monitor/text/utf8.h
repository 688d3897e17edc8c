// Reading text that may or may not be valid UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace spry {

struct Utf8Sequence {
  std::size_t length = 0;  // bytes, at least 1
  bool valid = false;      // one well-formed character
};

// What `text`, which is not empty, begins with. It is either a well-formed character, or invalid bytes that a reader
// replaces by one U+FFFD: the longest beginning of a well-formed character, or else one byte (Unicode 15, table 3-7 and
// section 3.9, "U+FFFD Substitution of Maximal Subparts").
Utf8Sequence first_sequence(std::string_view text);

}  // namespace spry
