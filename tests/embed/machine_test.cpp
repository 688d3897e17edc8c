// A machine in a launcher: one action, many, in shells and from snapshots.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "guest.h"
#include "spy.h"

namespace spry {
namespace {

using Machines = testing::Test;

MachineOptions verified() {
  MachineOptions options = reusable();
  options.verify = true;
  return options;
}

TEST_F(Machines, RunOneActionAndKeepItsOutput) {
  MachineOptions options;
  options.devices = {capture()};
  Machine machine = value(Machine::create(load("hello"), options));
  const Outcome outcome = value(machine.run());
  EXPECT_EQ(outcome.reason, Reason::kExit);
  EXPECT_EQ(outcome.output, "Hello\n");
  EXPECT_EQ(outcome.receipt.exits, 1u);
  const auto again = machine.run();
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("is not reusable"), std::string::npos) << again.error().message;
}

TEST_F(Machines, RunManyActions) {
  Machine machine = value(Machine::create(load("hello"), reusable()));
  for (int i = 0; i < 100; ++i) {
    const Outcome outcome = value(machine.run());
    ASSERT_EQ(outcome.output, "Hello\n") << i;
    ASSERT_EQ(outcome.receipt.exits, 1u) << i;
  }
}

TEST_F(Machines, TakeAnInputForEachAction) {
  Machine machine = value(Machine::create(load("wordcount"), reusable()));
  EXPECT_EQ(value(machine.run("one two three\n")).output, " 1  3 14\n");
  EXPECT_EQ(value(machine.run("")).output, "0 0 0\n");
  EXPECT_EQ(value(machine.run(std::string(100000, 'x'))).output, "     0      1 100000\n");
  EXPECT_EQ(value(machine.run("a\nb\n")).output, "2 2 4\n");
}

TEST_F(Machines, AreVerifiedAfterEachReset) {
  const MachineOptions options = verified();
  Machine machine = value(Machine::create(load("wordcount"), options));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(value(machine.run("one two three\n")).output, " 1  3 14\n");
}

TEST_F(Machines, BeginInAShellThatAnotherMachineLeft) {
  MachineOptions options;
  options.devices = {capture()};
  Shell shell = value(Shell::create());
  for (int i = 0; i < 5; ++i) {
    Machine hello = value(Machine::create(std::move(shell), load("hello"), options));
    EXPECT_EQ(value(hello.run()).output, "Hello\n");
    Machine count = value(Machine::create(value(std::move(hello).release()), load("wordcount"), reusable()));
    EXPECT_EQ(value(count.run("one two three\n")).output, " 1  3 14\n");
    EXPECT_EQ(value(count.run("one\n")).output, "1 1 4\n");
    shell = value(std::move(count).release());
  }
}

// A run with a deadline changes the thread's signal mask; runs without a deadline must not find that change.
class Masks : public testing::Test {
 protected:
  void SetUp() override { pthread_sigmask(SIG_BLOCK, nullptr, &before_); }
  void TearDown() override {
    const timespec now = {};
    const sigset_t ours = set(SIGRTMIN);
    while (sigtimedwait(&ours, nullptr, &now) >= 0) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  static sigset_t set(int signal) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, signal);
    return signals;
  }
  static void block(int signal, int how = SIG_BLOCK) {
    const sigset_t signals = set(signal);
    ASSERT_EQ(pthread_sigmask(how, &signals, nullptr), 0);
  }
  static MachineOptions with_deadline() {
    MachineOptions options = reusable();
    options.deadline = enough(5000);
    return options;
  }

  sigset_t before_ = {};
};

TEST_F(Masks, OfADeadlineAreNotTheNextMachines) {
  block(SIGRTMIN);
  Machine earlier = value(Machine::create(load("wordcount"), with_deadline()));
  EXPECT_EQ(value(earlier.run("one\n")).output, "1 1 4\n");
  raise(SIGRTMIN);
  MachineOptions options = reusable();
  options.verify = true;
  Machine later = value(Machine::create(value(std::move(earlier).release()), load("wordcount"), options));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(value(later.run("one\n")).output, "1 1 4\n");
}

TEST_F(Masks, OfADeadlineAreNotThoseOfAProbe) {
  MachineOptions options = with_deadline();
  options.verify = true;
  block(SIGRTMIN);
  Machine machine = value(Machine::create(load("wordcount"), options));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(value(machine.run("one\n")).output, "1 1 4\n");
    raise(SIGRTMIN);
  }
}

Machine* to_interrupt = nullptr;

TEST_F(Masks, OfADeadlineDoNotKeepTheNextMachinesSignalsAway) {
  struct sigaction action = {};
  action.sa_handler = [](int) { to_interrupt->interrupt(); };
  struct sigaction previous;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &previous), 0);
  block(SIGUSR1);
  Machine earlier = value(Machine::create(load("wordcount"), with_deadline()));
  EXPECT_EQ(value(earlier.run("one\n")).output, "1 1 4\n");
  MachineOptions options;
  options.devices = {capture()};
  options.arguments = {"endless", "spin"};
  Machine later = value(Machine::create(value(std::move(earlier).release()), load("endless"), options));
  to_interrupt = &later;
  block(SIGUSR1, SIG_UNBLOCK);
  std::atomic<bool> ended = false;
  std::thread other([&ended, runs = pthread_self()] {
    while (!ended) {
      pthread_kill(runs, SIGUSR1);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  EXPECT_EQ(value(later.run()).reason, Reason::kInterrupted);
  ended = true;
  other.join();
  EXPECT_EQ(sigaction(SIGUSR1, &previous, nullptr), 0);
}

TEST_F(Machines, BeginOnlyInAShellWithRoomForThem) {
  MachineOptions large;
  large.devices = {capture()};
  large.memory = std::uint64_t{5} << 30;
  EXPECT_EQ(value(value(Machine::create(value(Shell::create()), load("hello"), large)).run()).output, "Hello\n");
  MachineOptions small = large;
  small.memory.reset();
  Machine machine = value(Machine::create(load("hello"), small));
  Shell shell = value(std::move(machine).release());
  const bool limited = shell.platform() == Platform::kKvm;
  auto next = Machine::create(std::move(shell), load("hello"), large);
  if (limited) {
    ASSERT_FALSE(next);
    EXPECT_NE(next.error().message.find("takes 4078 MiB at most"), std::string::npos) << next.error().message;
  } else {
    EXPECT_EQ(value(value(std::move(next)).run()).output, "Hello\n");
  }
}

// Actions that write to many pages, to few, until the many are forgotten, and to many again: each finds zeros, and all
// memory is compared after each.
void write_pages(Machine machine) {
  const auto write = [&machine](int pages) {
    const Outcome outcome = value(machine.run(std::to_string(pages)));
    ASSERT_EQ(outcome.reason, Reason::kExit) << outcome.crash;
    ASSERT_EQ(outcome.status, 0) << pages;
  };
  for (const int pages : {3000, 1, 3000, 20}) write(pages);
  for (int i = 0; i < 40; ++i) write(2);
  for (const int pages : {3000, 0, 1}) write(pages);
}

TEST_F(Machines, AreResetByTheirRing) { write_pages(value(Machine::create(load("dirty"), verified()))); }

TEST_F(Machines, AreResetByALogWhereARingWouldBeTooLarge) {
  MachineOptions options = verified();
  options.memory = std::uint64_t{128} << 20;
  write_pages(value(Machine::create(load("dirty"), options)));
}

TEST_F(Machines, AreResetByALogInAShellThatHasNoRing) {
  write_pages(value(Machine::create(value(Shell::create()), load("dirty"), verified())));
}

TEST_F(Machines, AreResetByARingThatCannotHoldTheirPages) {
  MachineOptions small = verified();
  small.memory = std::uint64_t{4} << 20;
  Machine left = value(Machine::create(load("dirty"), small));
  value(left.run("700"));
  write_pages(value(Machine::create(value(std::move(left).release()), load("dirty"), verified())));
}

TEST_F(Machines, ForgetAnInputThatCouldNotBeReadToItsEnd) {
  const std::string path = testing::TempDir() + "spry-short-input";
  std::ofstream(path) << std::string(8000, 's');
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const MachineOptions options = verified();
  Machine machine = value(Machine::create(load("wordcount"), options));
  value(machine.run("one\n"));
  const auto refused = machine.run(Input::file(file, 9000));
  EXPECT_FALSE(refused);
  EXPECT_TRUE(machine.usable());
  // This machine verifies: if a byte of the file were left in the input's area, this run would be an Error.
  EXPECT_EQ(value(machine.run("one\n")).output, "1 1 4\n");
  close(file);
  unlink(path.c_str());
}

TEST_F(Machines, AreInterruptedBeforeARunThatIsVerified) {
  const MachineOptions options = verified();
  Machine machine = value(Machine::create(load("wordcount"), options));
  value(machine.run("one\n"));
  machine.interrupt();
  EXPECT_EQ(value(machine.run("one\n")).reason, Reason::kInterrupted);
  EXPECT_EQ(value(machine.run("one\n")).output, "1 1 4\n");
}

TEST_F(Machines, GiveAnActionADeadlineOfItsOwn) {
  MachineOptions options = reusable();
  options.deadline = std::chrono::hours(1);
  options.arguments = {"endless", "spin"};
  Machine machine = value(Machine::create(load("endless"), options));
  EXPECT_EQ(value(machine.run({}, {std::chrono::milliseconds(20)})).reason, Reason::kDeadline);
  options.deadline.reset();
  Machine without = value(Machine::create(load("endless"), options));
  EXPECT_EQ(value(without.run({}, {std::chrono::milliseconds(20)})).reason, Reason::kDeadline);
  // The machine's own deadline does not bound that of the action.
  options.deadline = std::chrono::nanoseconds(1);
  options.arguments = {};
  Machine hasty = value(Machine::create(load("spy"), options));
  EXPECT_EQ(value(hasty.run(fill("spin"))).reason, Reason::kDeadline);
  EXPECT_EQ(value(hasty.run(fill("exit"), {std::chrono::hours(1)})).reason, Reason::kExit);
  EXPECT_EQ(value(hasty.run(fill("spin"))).reason, Reason::kDeadline);
}

TEST_F(Machines, RunAnImageThatIsInMemory) {
  for (const char* name : {"wordcount", "large_image"}) {
    std::ifstream file(guest(name), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const Image image = value(Image::from_bytes(std::as_bytes(std::span(bytes)), "mine"));
    std::fill(bytes.begin(), bytes.end(), 'x');  // the image has a copy
    EXPECT_EQ(image.path(), "mine");
    for (const MachineOptions& options : {verified(), [] {
                                            MachineOptions once;
                                            once.devices = {capture()};
                                            return once;
                                          }()}) {
      Machine machine = value(Machine::create(image, options));
      EXPECT_EQ(value(machine.run("one\n")).output, name[0] == 'w' ? "1 1 4\n" : "as linked\n");
    }
  }
  const auto empty = Image::from_bytes({});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::kNotUnikernel);
  EXPECT_EQ(empty.error().message, "image: the file is empty");
  const auto text = Image::from_bytes(std::as_bytes(std::span("no ELF file")), "a\nb");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message, "a\\x0ab: not an ELF file");
}

// Another thread interrupts at any moment of an action and between two: each action ends as it would, or interrupted.
// An interruption that comes too late for an action ends at most the next one.
TEST_F(Machines, AreInterruptedByOtherThreadsAtAnyMoment) {
  Machine machine = value(Machine::create(load("wordcount"), reusable()));
  std::atomic<bool> ended = false;
  std::thread other([&] {
    for (int i = 0; !ended; ++i) {
      machine.interrupt();
      std::this_thread::sleep_for(std::chrono::microseconds(i % 50));
    }
  });
  int counts[2] = {};
  for (int i = 0; i < 1000; ++i) {
    const Outcome outcome = value(machine.run("one\n"));
    ASSERT_TRUE(outcome.reason == Reason::kExit || outcome.reason == Reason::kInterrupted) << outcome.message;
    EXPECT_EQ(outcome.output, outcome.reason == Reason::kExit ? "1 1 4\n" : "");
    ++counts[outcome.reason == Reason::kExit ? 0 : 1];
  }
  ended = true;
  other.join();
  EXPECT_GT(counts[1], 0);
  static_cast<void>(value(machine.run("one\n")));
  EXPECT_EQ(value(machine.run("one\n")).output, "1 1 4\n");
}

// Its read-only data is mapped from the file, or read into the memory that machines share.
TEST_F(Machines, RunALargeImage) {
  const Image image = load("large_image");
  std::uint64_t mapped = 0;
  for (const Segment& segment : image.segments()) {
    if (!image.file_bytes(segment)) continue;
    mapped += segment.file_size;
    EXPECT_TRUE(image.contents(segment).empty());
    EXPECT_FALSE(segment.permissions.write);
  }
  EXPECT_GE(mapped, 512u << 10);
  MachineOptions once;
  once.devices = {capture()};
  EXPECT_EQ(value(value(Machine::create(image, once)).run()).output, "as linked\n");
  const MachineOptions options = verified();
  Machine machine = value(Machine::create(image, options));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(value(machine.run()).output, "as linked\n");
}

TEST_F(Machines, FailWhenTheirImageIsTruncated) {
  const std::string path = testing::TempDir() + "spry-large-image";
  std::filesystem::copy_file(guest("large_image"), path, std::filesystem::copy_options::overwrite_existing);
  const Image image = value(Image::load(path));
  MachineOptions once;
  once.devices = {capture()};
  Machine machine = value(Machine::create(image, once));
  ASSERT_EQ(truncate(path.c_str(), 8192), 0);
  const auto failed = machine.run();
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("truncated while it ran"), std::string::npos) << failed.error().message;
  for (const bool again : {false, true}) {
    once.reusable = again;
    const auto refused = Machine::create(image, once);
    ASSERT_FALSE(refused) << again;
    EXPECT_NE(refused.error().message.find("truncated"), std::string::npos) << refused.error().message;
  }
  unlink(path.c_str());
}

TEST_F(Machines, RefuseAnInputThatIsTooLong) {
  MachineOptions options = reusable();
  options.max_input = 4;
  Machine machine = value(Machine::create(load("wordcount"), options));
  const auto refused = machine.run("12345");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("5 bytes, more than the 4"), std::string::npos) << refused.error().message;
  EXPECT_EQ(value(machine.run("1234")).output, "0 1 4\n");
}

// More output than is kept ends an action, in whichever way it comes, and the next one begins as ever.
TEST(Machines, KeepTheBeginningOfTooMuchOutput) {
  constexpr std::size_t kKept = 5000;
  MachineOptions options = reusable();
  options.devices = {capture(kKept)};
  options.max_input = std::uint64_t{1} << 20;
  for (const bool verify : {false, true}) {
    options.verify = verify;
    Machine machine = value(Machine::create(load("echo_input"), options));
    for (const std::size_t length : {kKept - 1, kKept, kKept + 1, 2 * kKept, std::size_t{1} << 20, kKept}) {
      const std::string input(length, 'x');
      const Outcome outcome = value(machine.run(input));
      EXPECT_EQ(outcome.reason, length > kKept ? Reason::kTooMuchOutput : Reason::kExit) << length;
      EXPECT_EQ(outcome.message, length > kKept ? "it printed more than the 5000 bytes that are kept" : "");
      EXPECT_EQ(outcome.output, input.substr(0, kKept));
      EXPECT_EQ(outcome.receipt.bytes_out, outcome.output.size());
    }
  }
  // The bound counts also what was printed before `ready`, and what waits in the shared area when the guest ends.
  options.verify = false;
  options.devices = {capture(3)};
  Machine machine = value(Machine::create(load("ready_output"), options));
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = value(machine.run("a"));
    EXPECT_EQ(outcome.reason, Reason::kTooMuchOutput);
    EXPECT_EQ(outcome.output.size() + outcome.diagnostics.size(), 3u);
  }
}

}  // namespace
}  // namespace spry
