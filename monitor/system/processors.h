// How many processors' worth of time this process may use.
#pragma once

#include <string>

namespace spry {

// Processors that this process may run on, but no more than its control groups let it use at a time (cpu.max, or
// cpu.cfs_quota_us of version 1), rounded up; at least 1.
unsigned available_processors();

// The number of processors that sched_getaffinity(2) names, however many the host has; 1 if the call fails. `ask` makes
// that call for this thread: it fills `size` bytes, and returns how many it has filled or a negated error number.
unsigned processors_of_affinity(long (*ask)(unsigned long* bits, unsigned long size));

// The least quota of the control groups that `listing` (/proc/self/cgroup) names and of the groups above them, in
// processors, rounded up; 0 if there is no quota. `root` is where the groups are mounted (/sys/fs/cgroup).
unsigned processors_of_quota(const std::string& listing, const std::string& root);

}  // namespace spry
