// The system calls that copy guest memory: process_vm_readv(2) and process_vm_writev(2), used on this process itself.
// At a page of a truncated file they answer EFAULT, where a load would raise SIGBUS. Some seccomp profiles refuse them.
#pragma once

namespace spry {

// 0 if both calls work, or the error number that one of them gave. They are tried once in the life of a process.
int own_memory_error();

}  // namespace spry
