// Two kinds of figures, as scripts of gnuplot: lines with names at their ends, and bars with names before them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tool/style.h"

namespace spry::bench {

// One figure: a gnuplot script that begins with blocks of data and plots them. It sets no terminal and no output.
struct Figure {
  std::string name;  // of its files
  std::string script;
  int width = 0;
  int height = 0;
};

struct LinePoint {
  double x = 0;
  double y = 0;
  double low = 0;  // of y; 0 if it has no range
  double high = 0;
};

struct Line {
  std::string label;
  Style style;
  std::vector<LinePoint> points;
};

struct Tick {
  std::string text;
  double at = 0;
};

struct Axis {
  std::string title;
  bool logarithmic = true;
  std::vector<Tick> ticks = {};  // none: chosen by the values
};

// A value on an axis that gets a line across the figure.
struct Limit {
  std::string text;
  double at = 0;
};

struct LinePlot {
  std::string name;
  std::string title;
  Axis across;
  Axis upward;
  std::vector<Line> lines;
  std::optional<Limit> limit = {};  // on the axis across
  int height = 0;
};

struct Bar {
  std::string label;
  std::string_view colour;
  double value = 0;
  std::string text;  // the value in words
  double low = 0;    // 0 if it has no range
  double high = 0;
  double paper = 0;  // the paper's figure, or 0
  std::string paper_text = {};
};

struct BarPlot {
  std::string name;
  std::string title;
  Axis across;
  std::vector<Bar> bars;
  std::optional<Limit> limit = {};
};

Figure plot(const LinePlot& plot);
Figure plot(const BarPlot& plot);

}  // namespace spry::bench
