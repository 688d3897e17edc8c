#include "system/memory_file.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "text/format.h"

namespace spry {

std::uint64_t file_size_limit() {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

Descriptor make_memory_file(const char* name, unsigned flags, std::uint64_t size) {
  if (size > file_size_limit()) {
    errno = EFBIG;
    return {};
  }
  Descriptor file(memfd_create(name, MFD_CLOEXEC | flags));
  return file && ftruncate(file.get(), static_cast<off_t>(size)) == 0 ? std::move(file) : Descriptor();
}

std::string file_error(int error) {
  if (error != EFBIG) return std::strerror(error);
  return fmt::format(
      "{}: this process may write no more than {} bytes to a file, which counts for memory that is shared "
      "too (RLIMIT_FSIZE, ulimit -f)",
      std::strerror(error), file_size_limit());
}

}  // namespace spry
