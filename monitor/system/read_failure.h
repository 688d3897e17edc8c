// Why a file could not be read whole.
#pragma once

#include <cerrno>
#include <cstring>

namespace spry {

// Of errno as the call left it, which is 0 if it was 0 before and the file ended too early.
inline const char* read_failure(int error) { return error != 0 ? std::strerror(error) : "the file is shorter"; }

}  // namespace spry
