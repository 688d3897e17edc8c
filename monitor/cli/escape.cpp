#include "cli/escape.h"

namespace spry {

std::string escape(std::string_view text) {
  constexpr std::size_t kLongest = 256;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte <= '~' && byte != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  if (text.size() > kLongest) out += "...";
  return out;
}

}  // namespace spry
