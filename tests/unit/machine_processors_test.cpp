// How many workers a pool has by itself: affinity and quotas of control groups.
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "system/processors.h"

namespace spry {
namespace {

// A host of 4096 processors, of which every other one may be used.
long many(unsigned long* bits, unsigned long size) {
  constexpr unsigned long kNeeded = 4096 / 8;
  if (size < kNeeded) return -EINVAL;
  for (unsigned long i = 0; i < kNeeded / sizeof *bits; ++i) bits[i] = 0x5555555555555555;
  return kNeeded;
}

TEST(Processors, AreCountedOnHostsOfAnySize) {
  EXPECT_EQ(processors_of_affinity(many), 2048u);
  EXPECT_EQ(processors_of_affinity([](unsigned long* bits, unsigned long) { return static_cast<long>(*bits = 8); }),
            1u);
  EXPECT_EQ(processors_of_affinity([](unsigned long*, unsigned long) { return long{-ENOSYS}; }), 1u);
  EXPECT_EQ(processors_of_affinity([](unsigned long*, unsigned long) { return long{-EINVAL}; }), 1u);
  EXPECT_GE(available_processors(), 1u);
}

struct File {
  const char* name;
  const char* text;
};

struct Quota {
  const char* listing;
  std::vector<File> files;
  unsigned processors;
};

const Quota kQuotas[] = {
    // No groups, no quota.
    {"", {}, 0},
    {"0::/\n", {}, 0},
    {"0::/a\n", {{"a/cpu.max", "max 100000\n"}}, 0},
    // The quota is the group's own, that of the group above it, or the smaller of both.
    {"0::/a\n", {{"a/cpu.max", "200000 100000\n"}}, 2},
    {"0::/a/b\n", {{"a/cpu.max", "300000 100000\n"}, {"a/b/cpu.max", "max 100000\n"}}, 3},
    {"0::/a/b\n", {{"a/cpu.max", "100000 100000\n"}, {"a/b/cpu.max", "400000 100000\n"}}, 1},
    // In a container the path is the host's; the container's own root counts.
    {"0::/elsewhere/x\n", {{"cpu.max", "500000 100000\n"}}, 5},
    // A part of a processor counts as a whole one.
    {"0::/a\n", {{"a/cpu.max", "1000 100000\n"}}, 1},
    {"0::/a\n", {{"a/cpu.max", "150000 100000\n"}}, 2},
    // Texts that no kernel writes are no quota.
    {"0::/a\n", {{"a/cpu.max", ""}}, 0},
    {"0::/a\n", {{"a/cpu.max", "100000 0\n"}}, 0},
    {"0::/a\n", {{"a/cpu.max", "x y\n"}}, 0},
    {"0", {}, 0},
    // Control groups of version 1, alone and beside version 2.
    {"4:memory:/m\n2:cpu,cpuacct:/a\n0::/\n",
     {{"cpu/a/cpu.cfs_quota_us", "200000\n"}, {"cpu/a/cpu.cfs_period_us", "50000\n"}},
     4},
    {"2:cpuacct,cpu:/a\n", {{"cpu/a/cpu.cfs_quota_us", "-1\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}}, 0},
    {"3:cpuset:/a\n", {{"cpu/a/cpu.cfs_quota_us", "100000\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}}, 0},
};

TEST(Processors, AreNoMoreThanTheQuota) {
  for (const Quota& quota : kQuotas) {
    std::string root = testing::TempDir() + "spry-XXXXXX";
    ASSERT_NE(mkdtemp(root.data()), nullptr);
    for (const File& file : quota.files) {
      const std::filesystem::path path = root + "/" + file.name;
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path) << file.text;
    }
    EXPECT_EQ(processors_of_quota(quota.listing, root), quota.processors) << quota.listing;
    std::filesystem::remove_all(root);
  }
}

}  // namespace
}  // namespace spry
