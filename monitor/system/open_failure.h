// Why open(2) failed, in words.
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace spry {

// `error` is what open(2) left in errno for `path`, below `directory` if it is relative. ENXIO has several
// meanings, and strerror(3) tells none of them.
inline std::string open_failure(int error, int directory, const char* path) {
  struct stat status;
  if (error == ENXIO && fstatat(directory, path, &status, 0) == 0) {
    if (S_ISFIFO(status.st_mode)) return "it is a FIFO that nobody reads";
    if (S_ISSOCK(status.st_mode)) return "it is a socket";
  }
  return std::strerror(error);
}

}  // namespace spry
