// The input of an action, as `spry run --input` names it.
#pragma once

#include <sys/stat.h>

#include "spry/error.h"
#include "spry/machine.h"

namespace spry {

// Opens an input. Its descriptor stays open for the life of the process.
//
// `path` is a file, or "-" for standard input. A regular file is used as it is, without a copy. So is standard input,
// if it is a regular file of which nothing was read yet; its offset then moves to its end. Everything else (pipes,
// terminals, files of /proc and /sys) is first read to its end into a memfd, however long that takes.
Result<Input> open_input(const char* path);

// Whether the size that the regular file `fd` has by its `status` can be believed. False for an empty file, which may
// be one of /proc.
bool has_its_size(int fd, const struct stat& status);

}  // namespace spry
