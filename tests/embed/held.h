// The memory and descriptors of this process, to see that they do not grow.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace spry {

struct Held {
  std::uint64_t resident = 0;  // KiB
  std::ptrdiff_t descriptors = 0;
};

inline Held held() {
  Held now;
  std::uint64_t total = 0;
  std::ifstream("/proc/self/statm") >> total >> now.resident;
  now.resident *= static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
  now.descriptors =
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  return now;
}

}  // namespace spry
