// Files in memory, and the limit on the size of files, which holds for files in memory too.
#pragma once

#include <cstdint>
#include <string>

#include "system/descriptor.h"

namespace spry {

// The largest size in bytes that this process may give a file (RLIMIT_FSIZE). A write beyond it raises SIGXFSZ, which
// ends a process that neither handles nor ignores it. So the library asks before it writes.
std::uint64_t file_size_limit();

// Makes a memfd (memfd_create(2)) with `flags` and MFD_CLOEXEC that has `size` zeros. On failure there is no
// descriptor, and errno has the cause: EFBIG if file_size_limit is lower.
Descriptor make_memory_file(const char* name, unsigned flags, std::uint64_t size);

// The words of strerror(3) for `error`; for EFBIG also the limit.
std::string file_error(int error);

}  // namespace spry
