#include "text/escape.h"

#include "text/utf8.h"

namespace spry {
namespace {

constexpr std::string_view kCut = "...";

// Control characters of C0 and DEL are one byte; those of C1 (U+0080 to U+009F) are the bytes C2 80 to C2 9F.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

void append_hex(std::string& to, char character) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(character);
  to += "\\x";
  to += kDigits[byte >> 4];
  to += kDigits[byte & 15];
}

}  // namespace

std::string escape(std::string_view text, std::size_t maximum) {
  std::string result;
  std::size_t cut = 0;  // the largest length of `result` so far, in whole characters, that leaves room for kCut
  while (!text.empty()) {
    const auto [length, valid] = first_sequence(text);
    const std::string_view sequence = text.substr(0, length);
    text.remove_prefix(sequence.size());
    if (result.size() + kCut.size() <= maximum) cut = result.size();
    if (!valid || is_control(sequence)) {
      for (const char character : sequence) append_hex(result, character);
    } else if (sequence == "\\") {
      result += "\\\\";
    } else {
      result += sequence;
    }
    if (result.size() > maximum) {
      result.resize(cut);
      result += kCut.substr(0, maximum);
      break;
    }
  }
  return result;
}

std::string escape_path(std::string_view path) {
  constexpr std::size_t kMaximum = 1024;
  return escape(path, kMaximum);
}

}  // namespace spry
