// Whether two names or descriptors are of one file.
#pragma once

#include <sys/stat.h>

namespace spry {

// Two files are the same if they have the same device and the same inode number (stat(2)).
inline bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace spry
