// How much an outcome holds, for those who keep outcomes that nobody has taken yet.
#pragma once

#include <cstdint>

#include "spry/machine.h"

namespace spry {

// The bytes of its texts: output, diagnostics, message and crash; or of the Error's sentence.
inline std::uint64_t size_of(const Result<Outcome>& outcome) {
  if (!outcome) return outcome.error().message.size();
  return outcome->output.size() + outcome->diagnostics.size() + outcome->message.size() + outcome->crash.size();
}

}  // namespace spry
