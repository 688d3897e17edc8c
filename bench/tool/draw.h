// Draws figures with gnuplot.
#pragma once

#include <string>
#include <vector>

#include "spry/error.h"
#include "tool/figures.h"

namespace spry::bench {

// Draws each as FOLDER/NAME.svg and FOLDER/NAME.png.
Result<void> draw(const std::vector<Figure>& figures, const std::string& folder);

}  // namespace spry::bench
