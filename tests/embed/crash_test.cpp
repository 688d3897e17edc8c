// What a guest was doing when it crashed, as data: the same on every platform.
#include "guest.h"
#include "spy.h"

namespace spry {
namespace {

using Crashes = testing::Test;

struct Expected {
  std::string_view way;
  FaultKind kind;
  bool has_address;
};

constexpr Expected kExpected[] = {
    {"exit", FaultKind::kNone, false},
    {"abort", FaultKind::kNone, false},
    {"null_write", FaultKind::kWrite, true},
    {"debug_register", FaultKind::kInstruction, false},
    {"hlt", FaultKind::kInstruction, false},
    {"divide", FaultKind::kArithmetic, false},
    {"invalid", FaultKind::kInstruction, false},
    {"breakpoint", FaultKind::kOther, false},
    {"system_call", FaultKind::kInstruction, false},
    {"stack_overflow", FaultKind::kStackOverflow, true},
    {"execute_data", FaultKind::kExecute, true},
    {"in", FaultKind::kInstruction, false},
    {"ins_other", FaultKind::kInstruction, false},
};

TEST_F(Crashes, AreTold) {
  const Image image = load("spy");
  Machine machine = value(Machine::create(image, reusable()));
  for (const Expected& expected : kExpected) {
    SCOPED_TRACE(expected.way);
    const Outcome outcome = value(machine.run(fill(expected.way)));
    ASSERT_EQ(outcome.crash_data.has_value(), outcome.reason != Reason::kExit);
    if (!outcome.crash_data) continue;
    const Crash& crash = *outcome.crash_data;
    EXPECT_EQ(to_string(crash.kind), to_string(expected.kind));
    EXPECT_EQ(crash.address.has_value(), expected.has_address);
    if (crash.address) {
      EXPECT_NE(outcome.message.find(fmt::format("{:#x}", *crash.address)), std::string::npos) << outcome.message;
    }
    ASSERT_FALSE(crash.frames.empty());
    EXPECT_EQ(crash.frames[0].address, crash.registers.rip);
    EXPECT_EQ(crash.frames[0].function, image.symbolize(crash.registers.rip));
    // The words have the same numbers.
    EXPECT_NE(outcome.crash.find(fmt::format("rip {:016x} rsp {:016x}", crash.registers.rip, crash.registers.rsp)),
              std::string::npos)
        << outcome.crash;
    for (const Frame& frame : crash.frames) {
      EXPECT_NE(
          outcome.crash.find(fmt::format("{:#018x} {}", frame.address, frame.function.empty() ? "?" : frame.function)),
          std::string::npos)
          << outcome.crash;
    }
  }
}

TEST_F(Crashes, AreOfOneActionAlone) {
  Machine machine = value(Machine::create(load("spy"), reusable()));
  EXPECT_TRUE(value(machine.run(fill("hlt"))).crash_data);
  EXPECT_FALSE(value(machine.run(fill("exit"))).crash_data);
}

}  // namespace
}  // namespace spry
