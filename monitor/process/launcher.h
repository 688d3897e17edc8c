// Starting the stub: a process in a fresh address space, which has nothing of the launcher's but two descriptors.
#pragma once

#include <sys/types.h>

#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

struct LaunchedStub {
  Descriptor process;   // pidfd
  Descriptor channel;   // our end of the socket on which the stub waits for its plan
  Descriptor lifeline;  // the write end of the pipe that the stub's life hangs on
};

// The stub's file, ready to be executed: a sealed memfd, or, where those may not be executed (vm.memfd_noexec), an
// unlinked file in a directory for temporary ones. Error: kMonitor.
Result<Descriptor> make_stub_file();

// Starts a process of the stub's file (never by copying this one: clone(2) with CLONE_VM | CLONE_VFORK, then
// execveat(2)) and returns when it runs or could not be started. It has no environment and, but for the three of
// plan.h, no descriptors. Error: kMonitor.
Result<LaunchedStub> launch_stub(int file);

}  // namespace spry
