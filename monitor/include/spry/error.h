// Errors are values: nothing in libspry throws or aborts.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace spry {

// What kind of failure it was; `spry run` exits with 127, 126 and 125 for them.
enum class ErrorCode {
  kNotFound,      // no such file
  kNotUnikernel,  // the file is not a unikernel that can run here
  kMonitor,       // everything else: bad usage, no /dev/kvm, no memory, output that cannot be written
};

// A code, and one sentence that names the file, the value and the rule. The sentence has no trailing full stop or line
// feed, and control characters of untrusted names in it are escaped.
struct Error {
  ErrorCode code = ErrorCode::kMonitor;
  std::string message;
};

// Either a T or an Error.
template <class T>
using Result = tl::expected<T, Error>;

// Cold: the compiler moves paths that lead here away from the code that every start runs through, of which each page
// costs a page fault.
[[gnu::cold]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace spry
