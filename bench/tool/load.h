// The load generator. It starts actions at given times, whether or not earlier ones have ended (an open system:
// Schroeder, Wierman and Harchol-Balter, NSDI'06), and accounts for its own lateness.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tool/arrivals.h"
#include "tool/statistics.h"
#include "tool/system.h"

namespace spry::bench {

inline constexpr std::size_t kLeastInFlight = 64;

struct LoadOptions {
  Pattern pattern = Pattern::kPoisson;
  Nanoseconds duration = std::chrono::seconds(2);
  std::uint64_t seed = 1;
  // Actions in flight at most; more wait in the generator's queue. Without effect if the system itself queues.
  std::size_t in_flight = kLeastInFlight;
  // Threads that start actions, if starting blocks: as many as actions may be in flight.
  unsigned dispatchers = kLeastInFlight;
};

// What became of one arrival. Times count from the start of the load.
struct Served {
  Nanoseconds scheduled = {};
  Nanoseconds eligible = {};   // scheduled, or later if as many as allowed were in flight
  Nanoseconds submitted = {};  // when the generator began to start it
  Nanoseconds hello = {};
  Nanoseconds end = {};
  bool failed = false;
};

// One rate, measured.
struct LoadResult {
  double offered = 0;   // actions a second, as asked for
  double arrived = 0;   // actions a second that arrived in the measured window
  double achieved = 0;  // actions a second that ended in it
  std::size_t arrivals = 0;
  std::size_t completed = 0;
  std::size_t due = 0;    // how many arrived in the measured window
  std::size_t ended = 0;  // how many ended in it
  std::size_t failures = 0;
  std::size_t abandoned = 0;  // still in the queue when the load ended
  std::string failure;        // what went wrong first
  double queued = 0;          // share of the arrivals that found as many in flight as allowed
  std::vector<double> hello;  // microseconds from the arrival, queueing included
  std::vector<double> end;
  std::vector<double> lag;  // microseconds from when the generator could have started an action to when it did
  // Of all processors, over the whole load, with the generator; 0 if Linux does not tell.
  double busy = 0;            // the share of their time in which they were busy
  double processor_time = 0;  // microseconds for each action that ended
};

// This share of a load's duration, at its beginning, is not measured.
inline constexpr double kWarmUpShare = 0.1;

// Sums up what became of `arrivals` arrivals, of which `served` were submitted. The window that is measured reaches
// from kWarmUpShare of `duration` to its end.
LoadResult account(double rate, Nanoseconds duration, std::size_t arrivals, const std::vector<Served>& served);

// Runs a load for its duration, and then waits until all actions that were started have ended.
LoadResult run_open_load(System& system, double rate, const LoadOptions& options);

// The result of a closed load: `in_flight` actions at all times, each followed by the next one. If the system queues,
// the end of an action submits the next one; else `in_flight` threads run actions one after the other.
struct ClosedResult {
  std::size_t in_flight = 0;
  double achieved = 0;  // actions a second, from the start to the last end
  std::size_t failures = 0;
  std::string failure;
  std::vector<double> hello;  // microseconds from the invocation
  std::vector<double> end;
};

ClosedResult run_closed_load(System& system, std::size_t in_flight, Nanoseconds duration);

}  // namespace spry::bench
