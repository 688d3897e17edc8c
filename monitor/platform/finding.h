// What `spry doctor` finds out about a platform on this host.
#pragma once

#include <functional>
#include <string>

namespace spry {

struct Finding {
  enum class Verdict {
    kGood,
    kNote,  // something is slower, or not there for some guests
    kBad,   // the platform cannot be used
  };
  Verdict verdict = Verdict::kGood;
  std::string text;
  std::string advice;  // what to do about it; may be empty
};

// "ok   TEXT", "bad  TEXT" or "note TEXT", and the advice on a line of its own.
std::string format_finding(const Finding& finding);

// Takes findings as they come, because some take a moment.
using SayFinding = std::function<void(const Finding& finding)>;

}  // namespace spry
