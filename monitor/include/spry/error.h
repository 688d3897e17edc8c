// Errors are values: nothing in libspry throws or aborts.
#pragma once

#include <cerrno>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace spry {

// What kind of failure it was, for a program that does something about it; the sentence is for people. `spry run` exits
// with 127 for kNotFound, 126 for kNotUnikernel and 125 for all others.
enum class ErrorCode {
  kNotFound,         // no such file
  kNotUnikernel,     // the file is not a unikernel or snapshot that can run here
  kMonitor,          // the monitor or the kernel failed in a way that none of the others names
  kInvalidArgument,  // an option, a device or an argument breaks a rule: correct the program
  kUnavailable,      // this host, or this library, has no such platform: take another platform or host
  kPermission,       // the system does not permit it: /dev/kvm, a file
  kResources,        // no memory, descriptors, processes, threads or room for files left: try again later
  kClosed,           // the pool is closed, or the machine has failed or run its one action: make a new one
  kTooLarge,         // the input is longer than max_input
  kFile,             // a file, disk or interface is there and cannot be used: locked, truncated, unreadable
  kCancelled,        // the action was cancelled before it began
  kBusy,             // a callback of a pool would wait for its own pool: call from elsewhere
};

// The code for the error number of a system call: kPermission where the system does not permit the call, kResources
// where it has run out of something, else `otherwise`.
[[gnu::cold]] inline ErrorCode code_for(int error, ErrorCode otherwise = ErrorCode::kMonitor) {
  switch (error) {
    case EACCES:
    case EPERM:
      return ErrorCode::kPermission;
    case EAGAIN:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOLCK:
    case ENOMEM:
    case ENOSPC:
      return ErrorCode::kResources;
    default:
      return otherwise;
  }
}

// A code, and one sentence that names the file, the value and the rule. The sentence has no trailing full stop or line
// feed, and control characters of untrusted names in it are escaped.
struct Error {
  ErrorCode code = ErrorCode::kMonitor;
  std::string message;
};

// Either a T or an Error.
template <class T>
using Result = tl::expected<T, Error>;

// Cold: the compiler moves error paths away from the code that every start runs. Each page of that code costs a page
// fault.
[[gnu::cold]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace spry
