#include "text/escape.h"

namespace spry {
namespace {

constexpr std::string_view kCut = "...";

bool in(unsigned char byte, unsigned low, unsigned high) { return byte >= low && byte <= high; }

// Length of the well-formed UTF-8 sequence at the start of `text` (not empty), or 0: Unicode 15, table 3-7.
std::size_t sequence_length(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (in(first, 0xc2, 0xdf)) return in(at(1), 0x80, 0xbf) ? 2 : 0;
  if (in(first, 0xe0, 0xef)) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return in(at(1), low, high) && in(at(2), 0x80, 0xbf) ? 3 : 0;
  }
  if (in(first, 0xf0, 0xf4)) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return in(at(1), low, high) && in(at(2), 0x80, 0xbf) && in(at(3), 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// C0 and DEL are one byte; C1, U+0080 to U+009F, is C2 80 to C2 9F.
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
  std::size_t cut = 0;  // a length of `result`, between two characters, that leaves room for kCut
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(sequence.size());
    if (result.size() + kCut.size() <= maximum) cut = result.size();
    if (length == 0 || is_control(sequence)) {
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

}  // namespace spry
