// Numbers as text, with three significant digits.
#pragma once

#include <string>

namespace spry::bench {

std::string show_time(double microseconds);  // "806 us", "1.05 ms"
std::string show_rate(double rate);          // "51.1", "2418"
std::string show_ratio(double ratio);        // "0.0583", "1.26", "27.8"
std::string show_count(double count);        // "76"
std::string show_amount(double amount);      // "0.05", "10,000": as many digits as it has

}  // namespace spry::bench
