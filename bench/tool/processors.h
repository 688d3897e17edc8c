// How busy this machine's processors are.
#pragma once

#include <string>

#include "spry/error.h"

namespace spry::bench {

// Seconds of all processors together since the machine started.
struct ProcessorTime {
  double busy = 0;  // neither idle, nor waiting for I/O, nor taken by a hypervisor; interrupts count as busy
  double all = 0;
};

// The times in the text of /proc/stat (proc_stat(5)); `ticks` are the clock ticks of a second. Error: kMonitor if the
// text is not of that kind.
Result<ProcessorTime> parse_processor_time(const std::string& stat, double ticks);

// The times now.
Result<ProcessorTime> processor_time();

}  // namespace spry::bench
