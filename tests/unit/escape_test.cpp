// What a terminal gets to see of untrusted text.
#include "text/escape.h"

#include <gtest/gtest.h>

namespace spry {
namespace {

TEST(Escape, LeavesTextAlone) {
  EXPECT_EQ(escape("", 10), "");
  EXPECT_EQ(escape("plain ~text~", 100), "plain ~text~");
  EXPECT_EQ(escape("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 100),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(escape("\xc2\xa0", 100), "\xc2\xa0") << "U+00A0 is the first behind C1";
}

TEST(Escape, ControlCharacters) {
  EXPECT_EQ(escape("\x1b[31mred\n\r\t", 100), "\\x1b[31mred\\x0a\\x0d\\x09");
  EXPECT_EQ(escape(std::string_view("a\0b", 3), 100), "a\\x00b");
  EXPECT_EQ(escape("\x7f", 100), "\\x7f");
  EXPECT_EQ(escape("\xc2\x9b"
                   "31m",
                   100),
            "\\xc2\\x9b31m")
      << "C1's CSI";
  EXPECT_EQ(escape("\xc2\x80", 100), "\\xc2\\x80");
  EXPECT_EQ(escape("\\x1b", 100), "\\\\x1b") << "cannot be mistaken for an escape";
}

TEST(Escape, InvalidUtf8) {
  EXPECT_EQ(escape("\x9b", 100), "\\x9b");
  EXPECT_EQ(escape("\xc0\xaf", 100), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(escape("\xe0\x80\xaf", 100), "\\xe0\\x80\\xaf") << "overlong";
  EXPECT_EQ(escape("\xed\xa0\x80", 100), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(escape("\xf4\x90\x80\x80", 100), "\\xf4\\x90\\x80\\x80") << "beyond U+10FFFF";
  EXPECT_EQ(escape("\xf0\x80\x80\x80", 100), "\\xf0\\x80\\x80\\x80") << "overlong";
  EXPECT_EQ(escape("\xff\xfe", 100), "\\xff\\xfe");
  EXPECT_EQ(escape("a\xe2\x82", 100), "a\\xe2\\x82") << "cut off";
  EXPECT_EQ(escape("\xe2\x82x", 100), "\\xe2\\x82x");
}

TEST(Escape, CutsBetweenCharacters) {
  EXPECT_EQ(escape("0123456789", 10), "0123456789");
  EXPECT_EQ(escape("0123456789a", 10), "0123456...");
  EXPECT_EQ(escape("01234\x1b"
                   "6789",
                   10),
            "01234...");
  EXPECT_EQ(escape("012345\xe2\x82\xac"
                   "6789",
                   10),
            "012345...");
  EXPECT_EQ(escape("abcdef", 3), "...");
  EXPECT_EQ(escape("abcdef", 2), "..");
  EXPECT_EQ(escape("abcdef", 0), "");
  EXPECT_EQ(escape("abc", 3), "abc");
  EXPECT_EQ(escape("\x1b", 3), "...");
  const std::string enemy(1 << 20, '\x1b');
  EXPECT_EQ(escape(enemy, 256).size(), 255u) << "63 of four bytes, and the dots";
}

}  // namespace
}  // namespace spry
