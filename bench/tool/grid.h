// A table, for the terminal and for a page.
#pragma once

#include <string>
#include <vector>

namespace spry::bench {

struct Grid {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // each as long as the header
};

// The table as text: the first column is aligned to the left, the others to the right.
std::string render_text(const Grid& grid);
std::string render_markdown(const Grid& grid);

}  // namespace spry::bench
