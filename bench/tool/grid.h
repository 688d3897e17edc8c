// A table, for the terminal and for a page.
#pragma once

#include <string>
#include <vector>

namespace spry::bench {

struct Grid {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // each as long as the header
};

// Columns aligned, the first to the left and the others to the right.
std::string render_text(const Grid& grid);
std::string render_markdown(const Grid& grid);

}  // namespace spry::bench
