// Tests that end in each way, with which tests/kvm/selftest checks that tests/kvm/suites tells the ways apart.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace {

TEST(Endings, FindsKvm) {
  EXPECT_EQ(access("/dev/kvm", R_OK | W_OK), 0);
  EXPECT_STREQ(getenv("SPRY_PLATFORM"), "kvm");
  EXPECT_EQ(access(SPRY_GUESTS "/hello", R_OK), 0);
}

TEST(Endings, Fails) { EXPECT_EQ(1, 2) << "one is not two"; }
TEST(Endings, IsSkipped) { GTEST_SKIP() << "for a reason"; }
TEST(Endings, Crashes) { std::abort(); }
TEST(Endings, LeftOut) { FAIL(); }

TEST(Endings, Hangs) {
  for (;;) pause();
}

TEST(Endings, PassesAfterTheOthers) {}

}  // namespace
