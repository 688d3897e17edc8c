// Everything after UNIKERNEL is the guest's, byte for byte.
#include "spry_test.h"

namespace spry::test {
namespace {

class Arguments : public RunTest {
 protected:
  // The guest's list of what it got after its name.
  static std::string listed(const std::vector<std::string>& arguments) {
    std::string text = "[" + guest("it-acts") + "]\n";
    for (const std::string& argument : arguments) text += "[" + argument + "]\n";
    return text;
  }
  static void expect_passed(const std::vector<std::string>& arguments) {
    const Outcome outcome = run(run_of({}, "it-acts", arguments));
    expect_exit(outcome, 0);
    EXPECT_EQ(outcome.output, listed(arguments));
  }
};

TEST_F(Arguments, TheFirstIsTheNameAsItWasWritten) { expect_passed({}); }

TEST_F(Arguments, OptionsLookAlikesAreTheGuests) {
  expect_passed({"list", "--memory", "8foo", "--help", "-h", "--", "--deadline=1s", "--report", "-"});
}

TEST_F(Arguments, QuotingIsIntact) {
  expect_passed({"list", "", " ", "  two  ", "a\"b", "it's", "back\\slash", "$HOME", "*", "a\nb", "\t", ""});
  expect_passed({"list", "\xc3\xa9t\xc3\xa9", "\x01\x7f\x80\xff"});
}

TEST_F(Arguments, ADoubleDashEndsTheOptions) {
  const Outcome outcome = run(run_of({"--memory=16M", "--"}, "it-acts", {"list", "--memory"}));
  expect_exit(outcome, 0);
  EXPECT_EQ(outcome.output, listed({"list", "--memory"}));
}

// The limit counts the pointers, the null at their end, and the strings with their zeros.
TEST_F(Arguments, TakeUpTo64KiB) {
  constexpr std::size_t kLimit = std::size_t{64} << 10;
  const std::size_t name = guest("it-acts").size() + 1;
  const std::size_t room = kLimit - 4 * sizeof(void*) - name - sizeof("list") - 1;
  expect_passed({"list", std::string(room, 'x')});
  const Outcome more = run(run_of({}, "it-acts", {"list", std::string(room + 1, 'x')}));
  expect_exit(more, 125, "the arguments take 65537 bytes, more than the 65536 that a machine has\n");
  EXPECT_EQ(more.output, "");
}

TEST_F(Arguments, ManySmallOnesCount) {
  expect_passed(std::vector<std::string>(5000, "list"));
  expect_exit(run(run_of({}, "it-acts", std::vector<std::string>(9000, ""))), 125, "the arguments take ");
}

}  // namespace
}  // namespace spry::test
