// What `spry doctor` finds: one line for each thing that it looks at.
#pragma once

#include <string>
#include <vector>

namespace spry {

struct Finding {
  enum class Verdict {
    kGood,
    kBad,   // Spry cannot run; the advice says what to do
    kNote,  // Spry runs, but something is worth knowing
  };
  Verdict verdict = Verdict::kGood;
  std::string text;
  std::string advice;  // empty if there is none
};

// "ok   TEXT", "bad  TEXT" or "note TEXT", and the advice on a line of its own.
std::string format_finding(const Finding& finding);

// Whether the device file at `path` is there, is a character device and may be opened by this user.
Finding diagnose_device(const std::string& path);

}  // namespace spry
