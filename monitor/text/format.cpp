// Without this, fmt would link the C++ library's locales, which nothing here uses: they would be a third of the
// command, and slow down its start.
#define FMT_STATIC_THOUSANDS_SEPARATOR ','

#include "text/format.h"

#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

template auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl(locale_ref) -> char;
template void vformat_to(buffer<char>&, string_view, format_args, locale_ref);

}  // namespace detail
FMT_END_NAMESPACE
