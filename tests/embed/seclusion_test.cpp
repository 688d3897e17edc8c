// What a guest had in its memory is in no core dump and in no child of its launcher (MADV_DONTDUMP, MADV_DONTFORK),
// wherever the library keeps that memory.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "guest.h"
#include "spry/snapshot.h"

namespace spry {
namespace {

// The generator by which the guest ready_state makes its state (Marsaglia, "Xorshift RNGs", 2003).
std::uint64_t next(std::uint64_t word) {
  word ^= word << 13;
  word ^= word >> 7;
  return word ^ word << 17;
}

// Whether [start, end) of this process has a page of that state. Clears its own copy, so that later looks do not find
// that.
bool has_state(std::uint64_t start, std::uint64_t end) {
  constexpr std::size_t kEnough = 512;
  std::array<std::uint64_t, 8192> words;
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  std::size_t found = 0;
  for (std::uint64_t last = 0; start < end && found < kEnough; start += sizeof words) {
    const ssize_t size =
        pread(memory, words.data(), std::min<std::uint64_t>(sizeof words, end - start), static_cast<off_t>(start));
    for (std::size_t i = 0; size > 0 && i < static_cast<std::size_t>(size) / sizeof last && found < kEnough; ++i) {
      found = last != 0 && words[i] == next(last) ? found + 1 : 0;
      last = words[i];
    }
  }
  close(memory);
  explicit_bzero(words.data(), sizeof words);
  return found >= kEnough;
}

struct Seclusion {
  int found = 0;             // mappings that have the state
  std::string not_secluded;  // of these, by their lines in /proc/self/smaps
};

Seclusion look() {
  Seclusion seen;
  std::vector<std::pair<std::string, std::string>> mappings;  // the first line and the flags
  std::ifstream smaps("/proc/self/smaps");
  std::string first;
  for (std::string line; std::getline(smaps, line);) {
    std::uint64_t start = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) first = line;
    if (line.starts_with("VmFlags:")) mappings.emplace_back(first, line + " ");
  }
  for (const auto& [mapping, flags] : mappings) {
    std::uint64_t start = 0, end = 0;
    char readable = 0;
    // What the sanitizers reserve is larger than any machine.
    if (std::sscanf(mapping.c_str(), "%lx-%lx %c", &start, &end, &readable) != 3 || readable != 'r') continue;
    if (end - start > std::uint64_t{1} << 28 || !has_state(start, end)) continue;
    ++seen.found;
    const bool secluded = flags.find(" dd ") != std::string::npos && flags.find(" dc ") != std::string::npos;
    if (!secluded) seen.not_secluded += mapping + " " + flags + "\n";
  }
  return seen;
}

void expect_secluded() {
  const Seclusion seen = look();
  EXPECT_GE(seen.found, 1);
  EXPECT_EQ(seen.not_secluded, "");
}

MachineOptions once() {
  MachineOptions options;
  options.devices = {capture()};
  return options;
}

void run(Machine& machine) { EXPECT_EQ(value(machine.run()).status, 0); }

TEST(Seclusion, HoldsForOneAction) {
  Machine machine = value(Machine::create(load("ready_state"), once()));
  run(machine);
  expect_secluded();
}

TEST(Seclusion, HoldsForAMachineThatIsResetAndForWhatItIsResetTo) {
  Machine machine = value(Machine::create(load("ready_state"), reusable()));
  run(machine);
  run(machine);
  expect_secluded();
}

TEST(Seclusion, HoldsForMachinesOfASnapshot) {
  const Snapshot snapshot = value(Snapshot::take(load("ready_state"), once()));
  expect_secluded();
  Machine one = value(Machine::create(snapshot, once()));
  Machine again = value(Machine::create(snapshot, reusable()));
  run(one);
  run(again);
  expect_secluded();
}

TEST(Seclusion, HoldsForMachinesOfASnapshotInAFile) {
  const std::string path = testing::TempDir() + "/secluded." + std::to_string(getpid());
  ASSERT_TRUE(value(Snapshot::take(load("ready_state"), once())).save(path));
  const Snapshot snapshot = value(Snapshot::load(path));
  unlink(path.c_str());
  Machine one = value(Machine::create(snapshot, once()));
  run(one);
  expect_secluded();
  Machine again = value(Machine::create(snapshot, reusable()));
  run(again);
  expect_secluded();
}

}  // namespace
}  // namespace spry
