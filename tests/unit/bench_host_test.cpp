#include "tool/host.h"

namespace spry::bench {
namespace {

TEST(Cpuinfo, FieldsAreFoundByTheirWholeName) {
  const std::string text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: A B\nflags\t\t: fpu svm\n\nprocessor\t: 1\n";
  EXPECT_EQ(cpuinfo_field(text, "model name"), "A B");
  EXPECT_EQ(cpuinfo_field(text, "model"), "1");
  EXPECT_EQ(cpuinfo_field(text, "processor"), "0");
  EXPECT_EQ(cpuinfo_field(text, "flags"), "fpu svm");
  EXPECT_EQ(cpuinfo_field(text, "bugs"), "");
  EXPECT_EQ(cpuinfo_field("flags :", "flags"), "");
}

}  // namespace
}  // namespace spry::bench
