// Sizes and durations as the command line and devices' specifications spell them. Text that is not understood as a
// whole is refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "spry/error.h"

namespace spry {

// "4096", "64K", "16M", "1G" or "64KiB", "16MiB", "1GiB": digits and a binary suffix. No sign, no space, no fraction,
// no overflow. `option` names the option in the sentence of an Error.
Result<std::uint64_t> parse_size(std::string_view option, std::string_view text);

// Decimal digits alone, from 1 to `largest`.
Result<std::uint64_t> parse_count(std::string_view option, std::string_view text, std::uint64_t largest);

// "250ms", "1.5s", "2m": digits, a fraction if wanted, and ns, us, ms, s or m. From 1 to 2^63 - 1 nanoseconds; a
// fraction that is no whole number of nanoseconds is refused.
Result<std::chrono::nanoseconds> parse_duration(std::string_view option, std::string_view text);

}  // namespace spry
