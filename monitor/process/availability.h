// Whether guests can be processes on this host, for `spry doctor`.
#pragma once

#include <string>
#include <vector>

namespace spry {

struct ProcessPoint {
  enum class Verdict { kGood, kNote, kBad };
  Verdict verdict = Verdict::kGood;
  std::string name;    // what was looked at
  std::string words;   // what was found
  std::string advice;  // what to do, or what it costs; empty if all is well
};

struct ProcessSupport {
  std::vector<ProcessPoint> points;  // in the order in which they need each other; ends with what is in the way
  bool works() const;
};

// Starts a guest of a few instructions and looks at all that a machine would use. Takes some milliseconds, or a second
// if another filter keeps notifications away.
ProcessSupport examine_process_support();

}  // namespace spry
