#include "text/utf8.h"

namespace spry {
namespace {

struct Bytes {
  unsigned char low;
  unsigned char high;
};

// The length of a character with this first byte, or 0 if no character begins so; and what its second byte may be.
struct Lead {
  std::size_t length;
  Bytes second;
};

Lead lead_of(unsigned char first) {
  constexpr Bytes kAny = {0x80, 0xbf};
  if (first < 0x80) return {1, kAny};
  if (first < 0xc2) return {0, kAny};
  if (first < 0xe0) return {2, kAny};
  if (first == 0xe0) return {3, {0xa0, 0xbf}};
  if (first == 0xed) return {3, {0x80, 0x9f}};
  if (first < 0xf0) return {3, kAny};
  if (first == 0xf0) return {4, {0x90, 0xbf}};
  if (first < 0xf4) return {4, kAny};
  if (first == 0xf4) return {4, {0x80, 0x8f}};
  return {0, kAny};
}

}  // namespace

Utf8Sequence first_sequence(std::string_view text) {
  const Lead lead = lead_of(static_cast<unsigned char>(text[0]));
  if (lead.length == 0) return {1, false};
  for (std::size_t i = 1; i < lead.length; ++i) {
    const Bytes may = i == 1 ? lead.second : Bytes{0x80, 0xbf};
    if (i == text.size()) return {i, false};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < may.low || byte > may.high) return {i, false};
  }
  return {lead.length, true};
}

}  // namespace spry
