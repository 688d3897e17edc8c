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

// Of a line. The process platform's systems have the colour of KVM's, an open mark and another dash.
Style style_of(std::string_view system);

// Of a bar: what kind of system it is.
std::string_view bar_colour(std::string_view system);

}  // namespace spry::bench
