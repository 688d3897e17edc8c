// fmt, compiled once (format.cpp) instead of in every file, which would be half of the build's time. Only its core, for
// the same reason: fmt/format.h is longer than all else that a file includes. Its inline namespace is Spry's own, so
// that a launcher that is linked with libspry may use fmt in any way it likes.
#pragma once

#define FMT_BEGIN_NAMESPACE \
  namespace fmt {           \
  inline namespace v_spry {
#define FMT_END_NAMESPACE \
  }                       \
  }

#include <fmt/core.h>
