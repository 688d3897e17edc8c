// The whole measurement, part after part.
#pragma once

#include "tool/options.h"
#include "tool/results.h"

namespace spry::bench {

// Measures what the options ask for. Says on standard error what is left out, and why.
Result<Json> measure(const Options& options);

}  // namespace spry::bench
