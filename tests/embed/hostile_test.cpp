// Whatever a guest does against what keeps it in, its action ends with an outcome or a sentence, and the next action in
// the same machine is right and finds nothing of it (tests/guests/hostile).
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "guest.h"
#include "hostile/places.h"
#include "spry/pool.h"
#include "text/format.h"

namespace spry {
namespace {

// Milliseconds for each action. A good case nearly always meets it (`run_after`).
constexpr int kDeadline = 1000;
constexpr int kShortDeadline = 100;
constexpr std::uint64_t kPage = 4096;

// What a guest that is a process finds at the stub's addresses by trying.
struct Places {
  std::vector<std::uint64_t> code;
  std::vector<std::uint64_t> writable;
};

PoolOptions one_worker(int deadline = kDeadline) {
  PoolOptions options;
  options.machine.devices = {capture()};
  options.machine.deadline = enough(deadline);
  options.workers = 1;
  return options;
}

bool returned(const Result<Outcome>& outcome, std::string_view name) {
  return outcome && outcome->reason == Reason::kExit && outcome->output.ends_with(fmt::format("{} returned\n", name));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Checks how the action ended: with an outcome in which the guest reached nothing, or with a sentence.
void expect_ended(const Result<Outcome>& outcome, const std::string& input) {
  if (!outcome) {
    EXPECT_FALSE(outcome.error().message.empty()) << input;
    return;
  }
  EXPECT_EQ(outcome->output.find("reached"), std::string::npos) << input << ": " << outcome->output;
  if (outcome->reason == Reason::kFault) {
    EXPECT_FALSE(outcome->message.empty()) << input;
  }
}

// A case that spins gets a short deadline: it shows all it can in that time.
ActionOptions time_for(const std::string& input) {
  return input.starts_with("spin") ? ActionOptions{enough(kShortDeadline)} : ActionOptions();
}

// Runs a good case after the case `before`. On a busy host the good case may miss its deadline, which proves nothing:
// then both are repeated.
Result<Outcome> run_after(Pool& pool, const std::string& good, const std::string& before) {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    Result<Outcome> outcome = pool.run(good);
    if (!outcome || outcome->reason != Reason::kDeadline || attempt == kAttempts) return outcome;
    expect_ended(pool.run(before), before);
  }
}

// Of the `pages` pages from `start` on, those in which the case `name` of hostile_stub does not fault.
std::vector<std::uint64_t> find_pages(Pool& pool, const char* name, std::uint64_t start, std::uint64_t pages) {
  std::vector<std::uint64_t> found;
  for (std::uint64_t page = start; page < start + pages * kPage; page += kPage) {
    if (returned(run_after(pool, fmt::format("{} {:#x}", name, page), "list"), name)) found.push_back(page);
  }
  return found;
}

const Places& places() {
  static const Places found = [] {
    Pool pool = value(Pool::create(load("hostile_stub"), one_worker()));
    return Places{find_pages(pool, "read_one", PLACE_STUB, 16),
                  find_pages(pool, "write_one", PLACE_GATE_STACK - 32 * kPage, 64)};
  }();
  return found;
}

// The numbers that a case takes about the gate's stack: its start and its size in bytes.
std::string gate_stack() {
  const std::vector<std::uint64_t>& pages = places().writable;
  if (pages.empty()) return fmt::format("{:#x} {:#x}", PLACE_GATE_STACK, PLACE_GATE_STACK_BYTES);
  std::uint64_t bytes = kPage;
  for (std::size_t i = 1; i < pages.size() && pages[i] == pages[0] + bytes; ++i) bytes += kPage;
  return fmt::format("{:#x} {:#x}", pages[0], bytes);
}

void expect_right(Pool& pool, const std::string& before) {
  const auto outcome = run_after(pool, "right", before);
  ASSERT_TRUE(outcome) << "after " << before << ": " << outcome.error().message;
  EXPECT_EQ(outcome->output, "right\n") << "after " << before << ": " << to_string(outcome->reason) << ": "
                                        << outcome->message << "\n"
                                        << outcome->crash;
}

// Checks that the next actions end in each way as they should: by calls, by a fault, by the deadline.
void expect_all_right(Pool& pool, const std::string& before, bool deadline_too) {
  expect_right(pool, before);
  const auto fault = run_after(pool, "invalid", before);
  ASSERT_TRUE(fault) << "after " << before << ": " << fault.error().message;
  EXPECT_EQ(fault->reason, Reason::kFault) << "after " << before;
  EXPECT_NE(fault->message.find("invalid instruction"), std::string::npos) << "after " << before << fault->message;
  if (deadline_too) {
    const auto spin = pool.run("spin");
    ASSERT_TRUE(spin) << "after " << before << ": " << spin.error().message;
    EXPECT_EQ(spin->reason, Reason::kDeadline) << "after " << before;
  }
  expect_right(pool, before);
}

// Skipped where no guest can run, or where the host lacks the features that this guest needs.
class Hostiles : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string name = GetParam();
    const auto machine = Machine::create(load(name), reusable());
    if (!machine) GTEST_SKIP() << machine.error().message;
    image_.emplace(load(name));
    const auto is = [&name](std::string_view guest) { return name.starts_with(guest); };
    if (is("hostile_gate") || is("hostile_stacks") || is("hostile_frames") || is("hostile_memory")) {
      numbers_ = " " + gate_stack();
    }
  }

  std::vector<std::string> cases() {
    Pool pool = value(Pool::create(*image_, one_worker()));
    std::vector<std::string> inputs = lines_of(value(run_after(pool, "list", "list")).output);
    EXPECT_FALSE(inputs.empty());
    for (std::string& input : inputs) input += numbers_;
    return inputs;
  }

  std::optional<Image> image_;
  std::string numbers_;
};

TEST_P(Hostiles, LeaveTheNextActionAlone) {
  const std::vector<std::string> inputs = cases();
  Pool pool = value(Pool::create(*image_, one_worker()));
  expect_right(pool, "list");
  EXPECT_EQ(value(run_after(pool, "wrong", "list")).reason, Reason::kAbort);
  for (const std::string& input : inputs) {
    SCOPED_TRACE(input);
    expect_ended(pool.run(input, time_for(input)), input);
    ASSERT_NO_FATAL_FAILURE(expect_all_right(pool, input, false));
  }
  expect_all_right(pool, "list", true);
  const PoolStatistics counts = pool.statistics();
  EXPECT_EQ(counts.failed, 0u);
}

TEST_P(Hostiles, EndAMachineOfOneAction) {
  MachineOptions options;
  options.devices = {capture()};
  options.deadline = enough(kDeadline);
  for (const std::string& input : cases()) {
    SCOPED_TRACE(input);
    {
      Machine machine = value(Machine::create(*image_, options));
      expect_ended(machine.run(input, time_for(input)), input);
    }
    Machine next = value(Machine::create(*image_, options));
    const Outcome right = value(next.run("right"));
    if (right.reason == Reason::kDeadline) continue;
    EXPECT_EQ(right.output, "right\n") << input;
  }
}

INSTANTIATE_TEST_SUITE_P(, Hostiles,
                         testing::Values("hostile_bases", "hostile_calls", "hostile_calls_served", "hostile_compat",
                                         "hostile_compat_served", "hostile_edges", "hostile_edges_served",
                                         "hostile_edges_end", "hostile_frames", "hostile_frames_served", "hostile_gate",
                                         "hostile_gate_served", "hostile_memory", "hostile_segments", "hostile_stacks",
                                         "hostile_stacks_served", "hostile_stub", "hostile_stub_served",
                                         "hostile_traps", "hostile_traps_served", "hostile_vectors",
                                         "hostile_vectors_served"),
                         [](const auto& guest) { return std::string(guest.param).substr(sizeof "hostile_" - 1); });

// Tests of one guest with many numbers: as it is, and as it is where it serves system calls itself.
class HostileNumbers : public testing::TestWithParam<const char*> {
 protected:
  static Image hostile(const char* name) { return load(fmt::format("{}{}", name, GetParam())); }

  void SetUp() override {
    const auto machine = Machine::create(load("hello"), reusable());
    if (!machine) GTEST_SKIP() << machine.error().message;
  }
};

TEST_P(HostileNumbers, OfSystemCallsReachNothing) {
  // Linux's seccomp lets this one through whatever its filters say (Linux 6.18): it is for uprobes, and answers ENXIO.
  constexpr std::uint64_t kUprobe = 336;
  constexpr std::uint64_t kX32 = 0x40000000;
  Pool pool = value(Pool::create(hostile("hostile_calls"), one_worker()));
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 0; number < 512; ++number) {
    if (number != kUprobe) numbers.push_back(number);
  }
  for (std::uint64_t number = 0; number < 600; number += 1 + number % 7) numbers.push_back(kX32 | number);
  for (std::uint64_t number : {0x7fffffffull, 0x80000000ull, 0xffffffffull, ~0ull, 1ull << 32})
    numbers.push_back(number);
  for (const std::uint64_t number : numbers) {
    const std::string input = fmt::format("numbered {:#x}", number);
    const Result<Outcome> outcome = pool.run(input);
    expect_ended(outcome, input);
    if (outcome && outcome->reason != Reason::kDeadline) {
      EXPECT_EQ(outcome->reason, Reason::kFault) << input;
    }
    if (number % 16 == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_right(pool, input));
    }
  }
  expect_all_right(pool, "list", true);
}

// Into each byte of the stub's code, with four sets of registers.
TEST_P(HostileNumbers, OfTheStubsBytesReachNothing) {
  if (places().code.empty()) GTEST_SKIP() << "there is no stub here";
  Pool pool = value(Pool::create(hostile("hostile_stub"), one_worker(kShortDeadline)));
  for (const std::uint64_t page : places().code) {
    for (const char* how : {"jump", "jump_ones", "jump_on_addresses", "jump_on_a_signal"}) {
      const bool each = how == std::string_view("jump") || how == std::string_view("jump_on_a_signal");
      const std::uint64_t step = each ? 1 : 5;
      for (std::uint64_t offset = 0; offset < kPage; offset += step) {
        const std::string input = fmt::format("{} {:#x}", how, page + offset);
        const Result<Outcome> outcome = pool.run(input);
        expect_ended(outcome, input);
        // No code is here: further jumps into this page would show nothing new.
        if (outcome && outcome->message.find("executed data") != std::string::npos) break;
        if (offset % 64 == 0) {
          ASSERT_NO_FATAL_FAILURE(expect_right(pool, input));
        }
      }
    }
  }
}

// A system call with arguments of the guest's: one that the stub makes itself, or one that must not be made.
struct Call {
  std::uint64_t number, rdi, rsi, rdx;
};
constexpr Call kCalls[] = {
    {39, 11, 0, 0},                                // the gate's
    {39, 11, ~7ull, ~7ull},                        //
    {39, 12, PLACE_GATE_STACK, PLACE_GATE_STACK},  //
    {39, 10, PLACE_GATE_STACK, PLACE_KERNEL},      //
    {46, 1, PLACE_GATE_STACK, 0},                  // sendmsg
    {47, 0, PLACE_GATE_STACK, 0},                  // recvmsg
    {16, 0, 0xc020aa00, PLACE_GATE_STACK},         // ioctl(UFFDIO_REGISTER)
    {436, 0, 0xffffffff, 0},                       // close_range
    {158, 0x1002, PLACE_KERNEL, 0},                // arch_prctl: the base of FS
    {158, 0x1001, PLACE_STUB, 0},                  // that of GS
    {9, PLACE_STUB, 4096, 7},                      // mmap
    {10, PLACE_STUB, 4096, 7},                     // mprotect
    {15, 0, 0, 0},                                 // rt_sigreturn
    {1, 1, PLACE_STUB, 16},                        // write, and the hypercall exit
    {60, 0, 0, 0},                                 // exit
    {~0ull, 0, 0, 0},
};

// By each system call instruction of the stub's.
TEST_P(HostileNumbers, OfTheStubsSystemCallsReachNothing) {
  if (places().code.empty()) GTEST_SKIP() << "there is no stub here";
  Pool pool = value(Pool::create(hostile("hostile_stub"), one_worker(kShortDeadline)));
  // Whether there is such an instruction.
  auto attack = [&pool](std::uint64_t page, int nth, const Call& call) {
    const std::string input = fmt::format("system_call {:#x} {} {} {:#x} {:#x} {:#x} {:#x}", page, kPage, nth,
                                          call.number, call.rdi, call.rdx, call.rsi);
    const Result<Outcome> outcome = pool.run(input);
    if (outcome && outcome->output.starts_with("none")) return false;
    expect_ended(outcome, input);
    expect_right(pool, input);
    return true;
  };
  for (const std::uint64_t page : places().code) {
    for (int nth = 0; attack(page, nth, kCalls[0]); ++nth) {
      for (const Call& call : kCalls) attack(page, nth, call);
      ASSERT_FALSE(HasFatalFailure());
    }
  }
}

// Each forged frame at the gate's own system call, whichever it is, and no frame with RDX anywhere.
TEST_P(HostileNumbers, OfForgedFramesReachNothing) {
  if (places().writable.empty()) GTEST_SKIP() << "there is no gate stack here";
  Pool pool = value(Pool::create(hostile("hostile_gate"), one_worker(kShortDeadline)));
  const std::string stack = gate_stack();
  const std::uint64_t start = places().writable.front();
  const std::uint64_t bytes = places().writable.size() * kPage;
  const std::vector<std::string> names = lines_of(value(run_after(pool, "list", "list")).output);
  auto attack = [&](const std::string& name, std::uint64_t offset, int nth, int signal) {
    const std::string input = fmt::format("{} {} {:#x} {} {}", name, stack, offset, nth, signal);
    const Result<Outcome> outcome = pool.run(input);
    if (outcome && outcome->output.starts_with("none")) return false;
    expect_ended(outcome, input);
    expect_right(pool, input);
    return true;
  };
  for (const std::string& name : names) {
    if (!name.starts_with("forged_")) continue;
    for (int nth = 0; attack(name, kPage, nth, 11); ++nth) {
      if (HasFatalFailure()) return;
      for (const std::uint64_t offset : {std::uint64_t{1}, std::uint64_t{8}, bytes - 512, bytes - 432})
        attack(name, offset, nth, 11);
      for (const int signal : {0, 5, 10, 12, 31, 64}) attack(name, kPage, nth, signal);
    }
  }
  const std::uint64_t offsets[] = {0,
                                   1,
                                   bytes - 8,
                                   bytes - 1,
                                   bytes,
                                   bytes + 8,
                                   0 - kPage,
                                   0 - start,
                                   0 - start - 8,
                                   PLACE_STUB - start,
                                   1ull << 63,
                                   PLACE_KERNEL - start,
                                   PLACE_NOT_CANONICAL - start};
  for (const std::uint64_t offset : offsets) {
    for (int nth = 0; attack("enter", offset, nth, 11); ++nth) {
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, HostileNumbers, testing::Values("", "_served"),
                         [](const auto& suffix) { return std::string(*suffix.param != 0 ? "served" : "plain"); });

}  // namespace
}  // namespace spry
