// Drops files from the page cache, so that the next action has to fetch them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spry/error.h"

namespace spry::bench {

struct Eviction {
  std::uint64_t bytes = 0;     // of all files
  std::uint64_t resident = 0;  // bytes of them that stayed in the cache
};

// Asks the kernel to drop the files' pages (posix_fadvise(2), POSIX_FADV_DONTNEED). Other files stay in the cache. So
// do pages that someone has mapped, and files on a tmpfs.
Result<Eviction> evict(const std::vector<std::string>& files);

}  // namespace spry::bench
