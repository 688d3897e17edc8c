// No action sees a trace of the one before it: the spy fills everything it can reach with a secret and ends in each way
// there is, and the next action on the same machine looks for it everywhere (tests/guests/spy).
#include "spy.h"

#include <algorithm>
#include <chrono>

#include "guest.h"

namespace spry {
namespace {

MachineOptions spy_options() {
  MachineOptions options = reusable();
  options.deadline = enough(2000);
  return options;
}

class Spies : public testing::TestWithParam<const char*> {};

void leave_no_trace(const char* name, bool verify) {
  const Image image = load(name);
  const std::string classes = classes_here(image, spy_options());
  MachineOptions options = spy_options();
  options.verify = verify;
  Machine machine = value(Machine::create(image, options));
  // Decides where later actions begin: if this first action does not call `ready`, they have their input from the first
  // instruction on.
  value(machine.run("seed\n"));
  // A way that ends by its deadline fills the machine first; four times the longest other action is enough for that.
  using Clock = std::chrono::steady_clock;
  Clock::duration longest = std::chrono::milliseconds(20);
  for (const Way& way : kWays) {
    const Clock::time_point start = Clock::now();
    const bool endless = way.reason == to_string(Reason::kDeadline);
    const ActionOptions brief = {longest * 4};
    const Outcome filled = value(machine.run(fill(way.name, classes), endless ? brief : ActionOptions()));
    longest = std::max(longest, Clock::now() - start);
    EXPECT_EQ(to_string(filled.reason), way.reason) << way.name << ": " << filled.message;
    const Outcome looked = value(machine.run(look(classes)));
    EXPECT_EQ(looked.output, "clean\n") << "after " << way.name << " with " << classes << "\n" << looked.crash;
  }
}

TEST_P(Spies, FindNothingAfterAnyWayToEnd) { leave_no_trace(GetParam(), false); }
TEST_P(Spies, FindNothingAfterAnyWayToEndThatIsVerified) { leave_no_trace(GetParam(), true); }

INSTANTIATE_TEST_SUITE_P(, Spies, testing::Values("spy", "spy_load"));

}  // namespace
}  // namespace spry
