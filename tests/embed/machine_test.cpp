// A machine in a launcher: one action, many, in shells and from snapshots.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "guest.h"

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

TEST_F(Machines, BeginOnlyInAShellWithRoomForThem) {
  MachineOptions large;
  large.devices = {capture()};
  large.memory = std::uint64_t{5} << 30;
  EXPECT_EQ(value(value(Machine::create(value(Shell::create()), load("hello"), large)).run()).output, "Hello\n");
  MachineOptions small = large;
  small.memory.reset();
  Machine machine = value(Machine::create(load("hello"), small));
  const auto refused = Machine::create(value(std::move(machine).release()), load("hello"), large);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("takes 4078 MiB at most"), std::string::npos) << refused.error().message;
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
  // Verified: a byte of the file in the input's area would be an Error.
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

}  // namespace
}  // namespace spry
