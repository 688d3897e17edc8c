// Files in memory, and the limit of files' sizes, which counts for them too.
#pragma once

#include <cstdint>
#include <string>

#include "system/descriptor.h"

namespace spry {

// Bytes up to which this process may write to a file (RLIMIT_FSIZE). Beyond it the kernel sends SIGXFSZ, which ends a
// process that neither handles nor ignores it: therefore the library looks first.
std::uint64_t file_size_limit();

// memfd_create(2) with `flags` and MFD_CLOEXEC, and `size` zeros in it. Without a descriptor errno says why: EFBIG
// where the limit is lower.
Descriptor make_memory_file(const char* name, unsigned flags, std::uint64_t size);

// strerror(3) of `error`, for EFBIG with the limit.
std::string file_error(int error);

}  // namespace spry
