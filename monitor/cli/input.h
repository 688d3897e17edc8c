// The input of an action, as `spry run --input` names it.
#pragma once

#include "spry/error.h"
#include "spry/machine.h"

namespace spry {

// An input and the descriptor that it borrows, for the life of the process.
//
// `path` is a file, or "-" for standard input. A regular file is handed over as it is, without a copy; standard input
// too if it is one and nothing of it was read yet, and then its offset moves to its end. Everything else (pipes,
// terminals, /proc and /sys) is first read to its end into a memfd. Blocks for as long as the input does not end.
Result<Input> open_input(const char* path);

}  // namespace spry
