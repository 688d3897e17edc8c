// Figures by gnuplot.
#pragma once

#include <string>
#include <vector>

#include "spry/error.h"
#include "tool/results.h"

namespace spry::bench {

// One figure: a gnuplot script that plots the blocks of data that it begins with, without terminal and output.
struct Figure {
  std::string name;  // of its files
  std::string script;
};

// latency, throughput, load, growth-NAME: those for which the results have something.
std::vector<Figure> make_figures(const Json& results);

// Draws each as FOLDER/NAME.svg and FOLDER/NAME.png.
Result<void> draw(const std::vector<Figure>& figures, const std::string& folder);

}  // namespace spry::bench
