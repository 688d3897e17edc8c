// Why a file could not be read whole.
#pragma once

#include <cerrno>
#include <cstring>

namespace spry {

// `error` is errno after the call, if errno was set to 0 before it. It is still 0 if the file ended too early.
inline const char* read_failure(int error) { return error != 0 ? std::strerror(error) : "the file is shorter"; }

}  // namespace spry
