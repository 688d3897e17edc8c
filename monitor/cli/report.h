// What `spry run --report` and `spry pool --json` tell of an action, as JSON.
#pragma once

#include <chrono>
#include <string>

#include "cli/json_text.h"
#include "spry/error.h"
#include "spry/machine.h"

namespace spry {

// Time that the command spent around the machine.
struct Phases {
  std::chrono::nanoseconds open = {};  // the options, the report file, the input, the shell that is made early
  std::chrono::nanoseconds load = {};  // Image::load
};

// The report as one JSON object and a line feed. `status` is null unless the guest exited. Bytes of a message that are
// not UTF-8 become U+FFFD.
std::string format_report(const Outcome& outcome, const Phases& phases);

// The same keys for a run that failed in the monitor: reason "error", the sentence as message.
std::string format_report(const Error& error, const Phases& phases);

// Writes to `sink` how the action of `spry pool` for the input `name` ended, as one line: a JSON object and a line
// feed. With `with_output` the object has the action's output, which otherwise goes to a file. False if the sink
// failed.
bool write_line(const std::string& name, const Result<Outcome>& outcome, bool with_output, JsonText::Sink sink);

}  // namespace spry
