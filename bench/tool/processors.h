// How busy this machine's processors are.
#pragma once

#include <string>

#include "spry/error.h"

namespace spry::bench {

// Seconds of all processors together since the machine started.
struct ProcessorTime {
  double busy = 0;  // with anything at all, interrupts included
  double all = 0;
};

// From the text of /proc/stat (proc_stat(5)); `ticks` are those of a second. Error: kMonitor if it is not that.
Result<ProcessorTime> parse_processor_time(const std::string& stat, double ticks);

// Now.
Result<ProcessorTime> processor_time();

}  // namespace spry::bench
