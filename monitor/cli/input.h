// The input of an action, as `spry run --input` names it.
#pragma once

#include <sys/stat.h>

#include "spry/error.h"
#include "spry/machine.h"

namespace spry {

// An input and the descriptor that it borrows, for the life of the process.
//
// `path` is a file, or "-" for standard input. A regular file is handed over as it is, without a copy; standard input
// too if it is one and nothing of it was read yet, and then its offset moves to its end. Everything else (pipes,
// terminals, /proc and /sys) is first read to its end into a memfd. Blocks for as long as the input does not end.
Result<Input> open_input(const char* path);

// Whether the regular file `fd`, whose status is `status`, has as many bytes as it says. False for an empty one, which
// may be a file of /proc.
bool has_its_size(int fd, const struct stat& status);

}  // namespace spry
