#include "cli/json_text.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "text/utf8.h"

namespace spry {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;  // what a pipe holds

bool is_plain(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

// Whether all eight bytes are plain. In the word that is computed, the high bit of each byte says that it is not.
bool are_plain(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x80 * kOnes;
  // A subtraction borrows from the byte above only where a byte is not plain, and then the answer is false anyway.
  const auto has_zero = [](std::uint64_t word) { return (word - kOnes) & ~word; };
  const std::uint64_t below_space = (bytes - 0x20 * kOnes) & ~bytes;
  return ((bytes | below_space | has_zero(bytes ^ '"' * kOnes) | has_zero(bytes ^ '\\' * kOnes)) & kHigh) == 0;
}

// The escape sequence for a byte below 0x80.
std::string_view escaped(char character, char (&buffer)[6]) {
  constexpr char kDigits[] = "0123456789abcdef";
  constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  buffer[0] = '\\';
  if (const std::size_t at = kShort.find(character); at != kShort.npos) {
    buffer[1] = kLetters[at];
    return {buffer, 2};
  }
  const auto byte = static_cast<unsigned char>(character);
  buffer[1] = 'u';
  buffer[2] = buffer[3] = '0';
  buffer[4] = kDigits[byte >> 4];
  buffer[5] = kDigits[byte & 15];
  return {buffer, sizeof buffer};
}

}  // namespace

JsonText::JsonText(Sink sink) : sink_(std::move(sink)), piece_(new char[kPiece]) {}

void JsonText::flush() {
  if (size_ != 0 && !failed_) failed_ = !sink_({piece_.get(), size_});
  size_ = 0;
}

bool JsonText::finish() {
  flush();
  return !failed_;
}

void JsonText::add(std::string_view json) {
  for (const char character : json) {
    if (size_ == kPiece) flush();
    piece_[size_++] = character;
  }
}

void JsonText::add_string(std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  constexpr std::size_t kMost = 8;  // that one turn of the loop adds
  add("\"");
  while (!text.empty() && !failed_) {
    if (size_ + kMost > kPiece) flush();
    std::uint64_t bytes;
    if (text.size() >= sizeof bytes && (std::memcpy(&bytes, text.data(), sizeof bytes), are_plain(bytes))) {
      std::memcpy(piece_.get() + size_, &bytes, sizeof bytes);
      size_ += sizeof bytes;
      text.remove_prefix(sizeof bytes);
    } else if (is_plain(text[0])) {
      piece_[size_++] = text[0];
      text.remove_prefix(1);
    } else if (static_cast<unsigned char>(text[0]) >= 0x80) {
      const Utf8Sequence sequence = first_sequence(text);
      add(sequence.valid ? text.substr(0, sequence.length) : kReplacement);
      text.remove_prefix(sequence.length);
    } else {
      char buffer[6];
      add(escaped(text[0], buffer));
      text.remove_prefix(1);
    }
  }
  add("\"");
}

}  // namespace spry
