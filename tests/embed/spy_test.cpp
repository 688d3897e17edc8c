// No action sees a trace of the one before it: the spy fills everything it can reach with a secret and ends in each way
// there is, and the next action on the same machine looks for it everywhere (tests/guests/spy).
#include <fmt/format.h>

#include "guest.h"
#include "spy/ways.h"

namespace spry {
namespace {

struct Way {
  const char* name;
  const char* reason;
  int status;
};

constexpr Way kWays[] = {
#define SPY_WAY(name, reason, status, words) {#name, reason, status},
    SPY_WAYS(SPY_WAY)
#undef SPY_WAY
};

constexpr const char* kSecret = "5ec2e7a0b1d4c3f6";
constexpr const char* kVeil = "a13d185f4e2b3c09";

std::string fill(const std::string& way, const std::string& classes) {
  return fmt::format("fill {} {} classes={} heap=128\n", way, kSecret, classes);
}

std::string look(const std::string& classes) { return fmt::format("look {} classes={} heap=128\n", kVeil, classes); }

MachineOptions spy_options() {
  MachineOptions options = reusable();
  options.deadline = std::chrono::milliseconds(100);
  return options;
}

// Those of the optional register classes that run here with the spy's manifest.
std::string classes_here(const Image& image) {
  std::string classes = "base";
  for (const std::string name : {"selectors", "odd", "fs", "bases", "avx", "avx512", "pkru", "pending"}) {
    MachineOptions once = spy_options();
    once.reusable = false;
    Machine machine = value(Machine::create(image, once));
    if (value(machine.run(fill("exit", name))).reason == Reason::kExit) classes += fmt::format(",{}", name);
  }
  return classes;
}

class Spies : public WithKvm, public testing::WithParamInterface<const char*> {};

void leave_no_trace(const char* name, bool verify) {
  const Image image = load(name);
  const std::string classes = classes_here(image);
  MachineOptions options = spy_options();
  options.verify = verify;
  Machine machine = value(Machine::create(image, options));
  // A program that does not call `ready` in its first action has its input from the beginning in all others.
  value(machine.run("seed\n"));
  for (const Way& way : kWays) {
    const Outcome filled = value(machine.run(fill(way.name, classes)));
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
