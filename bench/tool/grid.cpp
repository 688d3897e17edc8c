#include "tool/grid.h"

#include <algorithm>

#include "text/format.h"

namespace spry::bench {
namespace {

// The number of characters of UTF-8, not of bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace

std::string render_text(const Grid& grid) {
  std::vector<std::size_t> widths;
  for (const std::string& title : grid.header) widths.push_back(width_of(title));
  for (const auto& row : grid.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      line += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add(grid.header);
  for (const auto& row : grid.rows) add(row);
  return text;
}

std::string render_markdown(const Grid& grid) {
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    for (const std::string& cell : row) text += "| " + cell + " ";
    text += "|\n";
  };
  add(grid.header);
  for (std::size_t i = 0; i < grid.header.size(); ++i) text += i == 0 ? "|---" : "|---:";
  text += "|\n";
  for (const auto& row : grid.rows) add(row);
  return text;
}

}  // namespace spry::bench
