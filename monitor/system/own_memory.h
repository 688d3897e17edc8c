// The system calls by which guests' memory is copied: process_vm_readv(2) and process_vm_writev(2) of this process
// itself, which answer EFAULT where a load would raise SIGBUS. Some filters refuse both.
#pragma once

namespace spry {

// 0 if they work, or the error number that they end with. Tried once for a process.
int own_memory_error();

}  // namespace spry
