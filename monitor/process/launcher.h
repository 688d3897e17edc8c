// Starting the stub: a process in a fresh address space, which has nothing of the launcher's but two descriptors.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "spry/error.h"
#include "system/descriptor.h"

namespace spry {

// What the process reads and writes before it executes the stub.
struct Launch {
  int lifeline = -1;
  int channel = -1;
  int file = -1;
  int control = -1;
  int error = 0;  // why it could not: errno
};

struct LaunchedStub {
  std::unique_ptr<Launch> launch;  // to be kept until the stub has replied, or its end has been waited for
  Descriptor process;              // pidfd
  Descriptor channel;              // our end of the socket on which the stub replies and waits for its plan
  Descriptor lifeline;             // the write end of the pipe that the stub's life hangs on
};

// The stub's file, ready to be executed: a sealed memfd, or, where those may not be executed (vm.memfd_noexec), an
// unlinked file in a directory for temporary ones. Errors: those of code_for; kUnavailable if there can be
// neither.
Result<Descriptor> make_stub_file();

// Where the stub begins, in each of its processes.
std::uint64_t stub_entry();

// Starts a process of the stub's file (never by copying this one: clone(2) with CLONE_VM, then execveat(2)) without
// waiting for it. It has no environment and, but for those of plan.h, no descriptors. `stack` is this process's memory
// and the new one's until it executes the stub: like `launch`, to be kept. Errors: those of code_for.
Result<LaunchedStub> launch_stub(int file, int control, std::span<std::byte> stack);

// Why there is no stub, when `launch` says that it could not be executed.
Error not_executed(const Launch& launch);

}  // namespace spry
