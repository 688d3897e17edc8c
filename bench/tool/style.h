// How each system is drawn, the same in every figure: by a colour, a mark and a dash of its own.
#pragma once

#include <string>
#include <string_view>

namespace spry::bench {

struct Style {
  std::string_view colour;  // "#rrggbb"
  int mark = 0;             // gnuplot's point type
  std::string_view dash;    // gnuplot's dash type
};

// The style of a system's line. A system of the process platform has the colour of KVM's, an open mark and another
// dash.
Style style_of(std::string_view system);

// The colour of a system's bar, which tells the kind of the system.
std::string_view bar_colour(std::string_view system);

}  // namespace spry::bench
