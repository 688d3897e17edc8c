// UTF-8 as read by programs that replace malformed bytes.
#include "text/utf8.h"

#include <gtest/gtest.h>

namespace spry {
namespace {

struct Case {
  std::string_view text;
  std::size_t length;
  bool valid;
};

TEST(Utf8, ASequenceIsACharacterOrTheBeginningOfOne) {
  const Case cases[] = {
      {"ab", 1, true},
      {std::string_view("\0", 1), 1, true},
      {"\x7f", 1, true},
      {"\xc2\x80", 2, true},
      {"\xdf\xbfz", 2, true},
      {"\xe0\xa0\x80", 3, true},
      {"\xed\x9f\xbf", 3, true},
      {"\xef\xbf\xbf", 3, true},
      {"\xf0\x90\x80\x80", 4, true},
      {"\xf4\x8f\xbf\xbf", 4, true},
      // Bytes that cannot begin a character.
      {"\x80\x80", 1, false},
      {"\xc0\xaf", 1, false},
      {"\xc1\xbf", 1, false},
      {"\xf5\x80\x80\x80", 1, false},
      {"\xff", 1, false},
      // Overlong, a surrogate, beyond U+10FFFF: the second byte may not follow the first.
      {"\xe0\x9f\xbf", 1, false},
      {"\xed\xa0\x80", 1, false},
      {"\xf0\x8f\xbf\xbf", 1, false},
      {"\xf4\x90\x80\x80", 1, false},
      // A character that is cut short, by the end or by another character.
      {"\xc2", 1, false},
      {"\xc2x", 1, false},
      {"\xe2\x82", 2, false},
      {"\xe2\x82x", 2, false},
      {"\xf0\x9f\x98", 3, false},
      {"\xf0\x9f\x98\xc2", 3, false},
      {"\xf0\x9f", 2, false},
  };
  for (const Case& one : cases) {
    const Utf8Sequence sequence = first_sequence(one.text);
    EXPECT_EQ(sequence.length, one.length) << one.text;
    EXPECT_EQ(sequence.valid, one.valid) << one.text;
  }
}

}  // namespace
}  // namespace spry
