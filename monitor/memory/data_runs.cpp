#include "memory/data_runs.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace spry {

std::vector<Range> data_runs(int descriptor, Range range) {
  std::vector<Range> runs;
  for (std::uint64_t at = range.start; at < range.end;) {
    const off_t data = lseek(descriptor, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 || static_cast<std::uint64_t>(data) >= range.end) break;  // ENXIO: only holes are left
    const off_t hole = lseek(descriptor, data, SEEK_HOLE);
    if (hole <= data) break;
    at = std::min(static_cast<std::uint64_t>(hole), range.end);
    runs.push_back({static_cast<std::uint64_t>(data), at});
  }
  return runs;
}

}  // namespace spry
