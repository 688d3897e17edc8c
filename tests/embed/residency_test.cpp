// How much of the host's memory an action may take: that of its own machine. The memory that machines are reset to does
// not grow.
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>

#include "guest.h"
#include "spry/snapshot.h"

namespace spry {
namespace {

constexpr std::uint64_t kMemory = std::uint64_t{24} << 20;
// A bound for what a machine begins with, its image and boot pages.
constexpr std::uint64_t kSmall = std::uint64_t{256} << 10;

// The bytes that this process's memfds of this name hold.
std::uint64_t resident(const std::string& name) {
  std::uint64_t bytes = 0;
  DIR* const all = opendir("/proc/self/fd");
  for (const dirent* entry = readdir(all); entry != nullptr; entry = readdir(all)) {
    std::array<char, 256> target = {};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    struct stat status = {};
    if (readlink(path.c_str(), target.data(), target.size() - 1) < 0) continue;
    if (std::string(target.data()).find("memfd:" + name) == std::string::npos) continue;
    if (stat(path.c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  closedir(all);
  return bytes;
}

std::uint64_t of_contents() { return resident("spry-contents"); }

MachineOptions options(bool again) {
  MachineOptions made;
  made.devices = {capture()};
  made.memory = kMemory;
  made.reusable = again;
  return made;
}

// Runs two actions of each kind: the second finds pages as the reset after the first left them.
void run_all(Machine& machine) {
  for (const char* const input : {"read", "read", "write", "write", "read"}) {
    EXPECT_EQ(value(machine.run(input)).status, 0);
  }
}

TEST(Residency, ActionsAddNothingToWhatAMachineIsResetTo) {
  Machine machine = value(Machine::create(load("touch"), options(true)));
  run_all(machine);
  EXPECT_GT(of_contents(), 0u);
  EXPECT_LE(of_contents(), kSmall);
}

TEST(Residency, NorToASnapshotOrWhatIsSavedFromIt) {
  const std::string path = testing::TempDir() + "/residency." + std::to_string(getpid());
  const Snapshot snapshot = value(Snapshot::take(load("touch"), options(false)));
  const std::uint64_t size = snapshot.contents_size();
  EXPECT_LE(size, kSmall);
  Machine once = value(Machine::create(snapshot, options(false)));
  EXPECT_EQ(value(once.run("write")).status, 0);
  Machine again = value(Machine::create(snapshot, options(true)));
  run_all(again);
  EXPECT_LE(of_contents(), size);
  EXPECT_EQ(snapshot.contents_size(), size);
  ASSERT_TRUE(snapshot.save(path));
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_LE(static_cast<std::uint64_t>(status.st_size), kSmall);

  const Snapshot loaded = value(Snapshot::load(path));
  unlink(path.c_str());
  const std::uint64_t before = of_contents();
  Machine from_file = value(Machine::create(loaded, options(true)));
  run_all(from_file);
  EXPECT_LE(of_contents(), before + size);
}

// What is written before `ready` is once in what the machine is reset to and once in the machine, and nowhere else.
TEST(Residency, WhatIsWrittenBeforeReadyIsKeptOnce) {
  MachineOptions made = options(true);
  made.arguments = {"touch", "before"};
  Machine machine = value(Machine::create(load("touch"), made));
  EXPECT_EQ(value(machine.run("read")).status, 0);
  EXPECT_LE(of_contents(), kMemory);
  EXPECT_LE(resident("spry-memory"), kMemory);
}

}  // namespace
}  // namespace spry
