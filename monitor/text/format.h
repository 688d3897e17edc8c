// fmt, compiled once (format.cpp), because compiling it in every file would be half of the build's time. Only its core
// is included, for the same reason: fmt/format.h is longer than all else that a file includes. The inline namespace is
// Spry's own, so that a launcher that is linked with libspry may use fmt in any version.
#pragma once

#define FMT_BEGIN_NAMESPACE \
  namespace fmt {           \
  inline namespace v_spry {
#define FMT_END_NAMESPACE \
  }                       \
  }

#include <fmt/core.h>
