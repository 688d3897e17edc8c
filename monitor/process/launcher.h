// Starting the stub: a process in a fresh address space, which has nothing of the monitor's but the descriptors of
// plan.h.
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
  int error = 0;  // errno, if it could not execute the stub; else 0
};

struct LaunchedStub {
  std::unique_ptr<Launch> launch;  // must be kept until the stub has replied or has ended
  Descriptor process;              // pidfd
  Descriptor channel;              // our end of the socket on which the stub replies and waits for its plan
  Descriptor lifeline;             // the write end of the pipe that the stub's life hangs on
};

// The stub's file, ready to be executed: a sealed memfd, or, where memfds may not be executed (vm.memfd_noexec), a file
// without a name in TMPDIR or /tmp. Errors: those of code_for; kUnavailable if there can be neither.
Result<Descriptor> make_stub_file();

// Where the stub begins, in each of its processes.
std::uint64_t stub_entry();

// Starts a process of the stub's `file`, and does not wait for it. This process is not copied: clone(2) gets CLONE_VM,
// and execveat(2) follows. The new process has no environment, and no descriptors but those of plan.h. It runs on
// `stack`, in this process's memory, until it executes the stub, so `stack` must be kept as long as
// LaunchedStub::launch. Errors: those of code_for.
Result<LaunchedStub> launch_stub(int file, int control, std::span<std::byte> stack);

// Why there is no stub, when `launch` says that it could not be executed.
Error not_executed(const Launch& launch);

}  // namespace spry
