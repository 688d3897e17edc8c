// What a machine is made from and the options that it is made with, in every combination: an action does what it does
// in a fresh machine of its own, or the machine is refused, or an input that is too long is refused.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <optional>
#include <tuple>

#include "guest.h"
#include "spry/pool.h"
#include "spry/snapshot.h"
#include "text/format.h"

namespace spry {
namespace {

constexpr std::uint64_t kSmall = std::uint64_t{64} << 10;
constexpr std::uint64_t kLarge = std::uint64_t{5} << 20;
constexpr std::array kLimits = {kSmall, kDefaultMaximumInput, kLarge};

enum class Source { kImage, kMemory, kFile };
enum class Made { kOnce, kReusable, kPool };
enum class Shelled { kNone, kFresh, kReleased };

// The disk of 1 MiB, and disks that differ from it.
enum class Disk { kSame, kOverlay, kSmaller, kOtherSectors };

struct Case {
  std::string name;
  std::string bytes;
  int descriptor = -1;  // of a file that has more than `bytes`
  Input input() const { return descriptor >= 0 ? Input::file(descriptor, bytes.size()) : Input(bytes); }
};

class Combinations : public testing::TestWithParam<std::tuple<Source, Made>> {
 protected:
  void SetUp() override {
    for (const auto& [file, size] :
         {std::pair(disk_, std::size_t{1} << 20), std::pair(smaller_, std::size_t{1} << 19)}) {
      std::string bytes(size, '\0');
      for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i >> 9);
      std::ofstream(file, std::ios::binary) << bytes;
    }
    add("none", "", false);
    add("bytes", "one two\nthree\n", false);
    add("file", "one two\nthree\n", true);
    add("behind", "!" + std::string(5000, 'b'), true);
    add("pages", std::string(8192, 'p'), true);
    add("limit", std::string(kSmall, 'k'), false);
    add("longer", std::string(kSmall + 1, 'l'), true);
    add("large", std::string((std::size_t{2} << 20) + 12345, 'L'), true);
    add("largest", std::string(kLarge, 'm'), false);
  }
  void TearDown() override {
    for (const Case& one : cases_) {
      if (one.descriptor >= 0) close(one.descriptor);
    }
    for (const auto& file : {disk_, smaller_, snapshot_}) unlink(file.c_str());
  }

  void add(const char* name, std::string bytes, bool file) {
    Case one = {name, std::move(bytes), -1};
    if (file) {
      one.descriptor = memfd_create("input", MFD_CLOEXEC);
      const std::string more = one.bytes + std::string(10000, 'S');
      ASSERT_EQ(write(one.descriptor, more.data(), more.size()), static_cast<ssize_t>(more.size()));
    }
    cases_.push_back(std::move(one));
  }

  MachineOptions options(Disk disk = Disk::kSame) const {
    const std::map<Disk, std::string> specifications = {{Disk::kSame, disk_ + ",ro"},
                                                        {Disk::kOverlay, disk_ + ",overlay"},
                                                        {Disk::kSmaller, smaller_ + ",ro"},
                                                        {Disk::kOtherSectors, disk_ + ",ro,sector=4096"}};
    MachineOptions made;
    made.devices = {capture(), block_device("disk", specifications.at(disk))};
    return made;
  }

  // What an action says of itself, in whatever machine.
  static std::string said(const Outcome& outcome) {
    const std::string words = outcome.message.substr(0, outcome.message.find(" at "));
    return fmt::format("{} {} [{}] {}{}", to_string(outcome.reason), outcome.status, words, outcome.output,
                       outcome.diagnostics);
  }

  const std::string& expected(const Case& one, Disk disk) {
    std::string& known = expected_[{one.name, disk}];
    if (!known.empty()) return known;
    MachineOptions made = options(disk);
    made.max_input = kLarge;
    Machine fresh = value(Machine::create(load("combination"), made));
    return known = said(value(fresh.run(Input(one.bytes))));
  }

  // What follows makes every combination of a source and a kind of machine.
  std::optional<Snapshot> take(Source source, std::uint64_t limit, bool verify) {
    if (source == Source::kImage) return std::nullopt;
    MachineOptions made = options();
    made.max_input = limit;
    made.verify = verify;
    Snapshot snapshot = value(Snapshot::take(load("combination"), made));
    if (source == Source::kMemory) return snapshot;
    const auto saved = snapshot.save(snapshot_);
    if (!saved) throw std::runtime_error(saved.error().message);
    return value(Snapshot::load(snapshot_, verify));
  }

  // The shell of a machine that had a deadline, an input and another disk.
  std::optional<Shell> shell(Shelled shelled) {
    if (shelled == Shelled::kNone) return std::nullopt;
    if (shelled == Shelled::kFresh) return value(Shell::create());
    MachineOptions made = options(Disk::kOverlay);
    made.deadline = enough(5000);
    made.reusable = true;
    made.verify = true;
    Machine earlier = value(Machine::create(load("combination"), made));
    value(earlier.run("an earlier input"));
    return value(std::move(earlier).release());
  }

  Result<Machine> create(const std::optional<Snapshot>& snapshot, Shelled shelled, const MachineOptions& made) {
    std::optional<Shell> given = shell(shelled);
    if (snapshot) {
      return given ? Machine::create(*std::move(given), *snapshot, made) : Machine::create(*snapshot, made);
    }
    return given ? Machine::create(*std::move(given), load("combination"), made)
                 : Machine::create(load("combination"), made);
  }

  // Whether this outcome is the one that a fresh machine has, or the refusal of an input that is too long.
  void judge(const Case& one, Disk disk, std::uint64_t limit, const Result<Outcome>& outcome) {
    SCOPED_TRACE("input " + one.name);
    if (one.bytes.size() > limit) {
      ASSERT_FALSE(outcome) << said(*outcome);
      const std::string rule =
          fmt::format("the input has {} bytes, more than the {} that the", one.bytes.size(), limit);
      EXPECT_NE(outcome.error().message.find(rule), std::string::npos) << outcome.error().message;
      return;
    }
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(said(*outcome), expected(one, disk));
  }

  // The inputs of a combination: `count` of all, and the next ones for the next combination.
  std::vector<Case> some_cases(std::size_t count) {
    std::vector<Case> some;
    for (; some.size() < count; ++next_) some.push_back(cases_[next_ % cases_.size()]);
    return some;
  }

  void try_machines(const std::optional<Snapshot>& snapshot, Shelled shelled, const MachineOptions& made, Disk disk) {
    if (!made.reusable) {
      for (const Case& one : some_cases(2)) {
        Machine machine = value(create(snapshot, shelled, made));
        judge(one, disk, made.max_input, machine.run(one.input()));
      }
      return;
    }
    Machine machine = value(create(snapshot, shelled, made));
    for (const Case& one : some_cases(4)) judge(one, disk, made.max_input, machine.run(one.input()));
    EXPECT_TRUE(machine.reset()) << "after the last";
  }

  // A pool takes no shells. One machine runs all actions, or several share them; then all but the first are made from
  // what the first was at `ready`.
  void try_pool(const std::optional<Snapshot>& snapshot, const MachineOptions& made, Disk disk) {
    for (const unsigned workers : {1u, 2u}) {
      // Pools of several workers take longer: only half of the combinations, with each value of each option.
      if (workers != 1 && made.verify != made.deadline.has_value()) continue;
      SCOPED_TRACE(fmt::format("{} workers", workers));
      PoolOptions options;
      options.machine = made;
      options.workers = workers;
      Pool pool = value(snapshot ? Pool::create(*snapshot, options) : Pool::create(load("combination"), options));
      const std::vector<Case> cases = some_cases(5);
      std::vector<std::optional<Result<Outcome>>> outcomes(cases.size());
      for (std::size_t i = 0; i < cases.size(); ++i) {
        if (workers == 1) {
          outcomes[i] = pool.run(cases[i].bytes);
          continue;
        }
        auto taken = pool.submit(cases[i].bytes, [&outcomes, i](Result<Outcome> it) { outcomes[i] = std::move(it); });
        if (!taken) outcomes[i] = tl::unexpected(std::move(taken.error()));
      }
      pool.drain();
      for (std::size_t i = 0; i < cases.size(); ++i) judge(cases[i], disk, made.max_input, outcomes[i].value());
      EXPECT_EQ(pool.statistics().rebuilds, 0u);
    }
  }

  std::string file(const char* name) const {
    return fmt::format("{}spry-combination-{}-{}", testing::TempDir(), name, getpid());
  }

  std::string disk_ = file("disk");
  std::string smaller_ = file("smaller");
  std::string snapshot_ = file("snapshot");
  std::vector<Case> cases_;
  std::size_t next_ = 0;
  std::map<std::pair<std::string, Disk>, std::string> expected_;
};

#ifdef SPRY_SANITIZED
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

// Whether to try a combination: on a slow host or build only some, and not the same ones for each source and kind.
bool chosen(unsigned& counter) {
  constexpr unsigned kOneOf = 11;
  return (!kSlow && std::getenv("SPRY_TEST_SLOWNESS") == nullptr) || counter++ % kOneOf == 0;
}

TEST_P(Combinations, DoWhatAFreshMachineDoes) {
  const auto [source, made_as] = GetParam();
  auto counter = static_cast<unsigned>(source) * 3 + static_cast<unsigned>(made_as);
  for (const std::uint64_t taken_with : kLimits) {
    for (const bool taken_verified : {false, true}) {
      if (source == Source::kImage && (taken_with != kSmall || taken_verified)) continue;
      const std::optional<Snapshot> snapshot = take(source, taken_with, taken_verified);
      for (const std::uint64_t limit : kLimits) {
        for (const bool verify : {false, true}) {
          for (const bool deadline : {false, true}) {
            for (const Disk disk : {Disk::kSame, Disk::kOverlay}) {
              for (const Shelled shelled : {Shelled::kNone, Shelled::kFresh, Shelled::kReleased}) {
                if ((made_as == Made::kPool && shelled != Shelled::kNone) || (made_as == Made::kOnce && verify))
                  continue;
                if (!chosen(counter)) continue;
                SCOPED_TRACE(fmt::format("taken with {} {}, limit {}, verify {}, deadline {}, disk {}, shell {}",
                                         taken_with, taken_verified, limit, verify, deadline, static_cast<int>(disk),
                                         static_cast<int>(shelled)));
                MachineOptions made = options(disk);
                made.max_input = limit;
                made.verify = verify;
                if (deadline) made.deadline = enough(5000);
                made.reusable = made_as != Made::kOnce;
                if (made_as == Made::kPool) {
                  try_pool(snapshot, made, disk);
                } else {
                  try_machines(snapshot, shelled, made, disk);
                }
                if (HasFatalFailure()) return;
              }
            }
          }
        }
      }
    }
  }
}

TEST_P(Combinations, AreRefusedWithAnotherDisk) {
  const auto [source, made_as] = GetParam();
  const std::optional<Snapshot> snapshot = take(source, kDefaultMaximumInput, false);
  if (!snapshot) return;  // an image has seen none
  for (const Disk disk : {Disk::kSmaller, Disk::kOtherSectors}) {
    MachineOptions made = options(disk);
    made.reusable = made_as != Made::kOnce;
    std::string refusal;
    if (made_as == Made::kPool) {
      PoolOptions options;
      options.machine = made;
      const auto pool = Pool::create(*snapshot, options);
      if (!pool) refusal = pool.error().message;
    } else {
      const auto machine = Machine::create(*snapshot, made);
      if (!machine) refusal = machine.error().message;
    }
    EXPECT_NE(
        refusal.find("the snapshot was taken with a block device disk of 1048576 bytes in sectors of 512, not of "),
        std::string::npos)
        << refusal;
  }
}

std::string name_of(const testing::TestParamInfo<std::tuple<Source, Made>>& info) {
  static constexpr std::array kSources = {"OfAnImage", "OfMemory", "OfAFile"};
  static constexpr std::array kMade = {"Once", "Reusable", "Pool"};
  return std::string(kSources[static_cast<std::size_t>(std::get<0>(info.param))]) +
         kMade[static_cast<std::size_t>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(Machines, Combinations,
                         testing::Combine(testing::Values(Source::kImage, Source::kMemory, Source::kFile),
                                          testing::Values(Made::kOnce, Made::kReusable, Made::kPool)),
                         name_of);

}  // namespace
}  // namespace spry
