#include <gtest/gtest.h>

#include "cli/escape.h"

namespace spry {
namespace {

TEST(Escape, LeavesPrintableTextAlone) { EXPECT_EQ(escape("build/hello-1 {x}~"), "build/hello-1 {x}~"); }

TEST(Escape, WritesTheRestInHexadecimal) {
  EXPECT_EQ(escape("\x1b[2J\n\\\x7f\xc2\x9b"), "\\x1b[2J\\x0a\\x5c\\x7f\\xc2\\x9b");
  EXPECT_EQ(escape(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Escape, CutsLongText) {
  EXPECT_EQ(escape(std::string(256, 'a')), std::string(256, 'a'));
  EXPECT_EQ(escape(std::string(257, 'a')), std::string(256, 'a') + "...");
}

}  // namespace
}  // namespace spry
