#include "tool/cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "system/descriptor.h"
#include "text/format.h"

namespace spry::bench {
namespace {

// Bytes of the file that are in the page cache.
std::uint64_t resident_bytes(int descriptor, std::uint64_t size) {
  constexpr std::uint64_t kPage = 4096;
  if (size == 0) return 0;
  void* const mapping = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (mapping == MAP_FAILED) return 0;
  std::vector<unsigned char> pages((size + kPage - 1) / kPage);
  std::uint64_t resident = 0;
  if (mincore(mapping, size, pages.data()) == 0) {
    for (const unsigned char page : pages) resident += (page & 1U) * kPage;
  }
  munmap(mapping, size);
  return resident;
}

}  // namespace

Result<Eviction> evict(const std::vector<std::string>& files) {
  Eviction eviction;
  for (const std::string& file : files) {
    const Descriptor descriptor(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!descriptor || fstat(descriptor.get(), &status) != 0) {
      return fail(ErrorCode::kMonitor, fmt::format("{}: {}", file, std::strerror(errno)));
    }
    // Only clean pages are dropped.
    fdatasync(descriptor.get());
    posix_fadvise(descriptor.get(), 0, 0, POSIX_FADV_DONTNEED);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    eviction.bytes += size;
    eviction.resident += resident_bytes(descriptor.get(), size);
  }
  return eviction;
}

}  // namespace spry::bench
