#include "tool/processors.h"

#include <unistd.h>

#include <array>
#include <numeric>
#include <sstream>

#include "tool/folder.h"

namespace spry::bench {

Result<ProcessorTime> parse_processor_time(const std::string& stat, double ticks) {
  // user, nice, system, idle, iowait, irq, softirq, steal; what a guest took is in user and nice.
  enum Column { kIdle = 3, kWaiting = 4, kStolen = 7, kColumns = 8 };
  std::istringstream line(stat);
  std::string name;
  std::array<double, kColumns> columns{};
  line >> name;
  for (double& column : columns) line >> column;
  if (!line || name != "cpu") return fail(ErrorCode::kMonitor, "/proc/stat does not begin with the processors' times");
  const double all = std::accumulate(columns.begin(), columns.end(), 0.0);
  return ProcessorTime{(all - columns[kIdle] - columns[kWaiting] - columns[kStolen]) / ticks, all / ticks};
}

Result<ProcessorTime> processor_time() {
  const Result<std::string> stat = read_file("/proc/stat");
  if (!stat) return tl::unexpected(stat.error());
  return parse_processor_time(*stat, static_cast<double>(sysconf(_SC_CLK_TCK)));
}

}  // namespace spry::bench
