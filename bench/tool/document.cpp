#include "tool/document.h"

#include <algorithm>

#include "text/format.h"

namespace spry::bench {
namespace {

constexpr std::string_view kBegin = "<!-- results: ";
constexpr std::string_view kClose = " -->";
constexpr std::string_view kEnd = "<!-- end of results -->";

std::string render(const Section& section) {
  if (section.grid.header.empty()) return section.words + "\n";
  return (section.words.empty() ? "" : section.words + "\n\n") + render_markdown(section.grid);
}

}  // namespace

Result<std::string> fill_page(const std::string& page, const std::vector<Section>& sections) {
  std::string filled;
  std::size_t at = 0;
  while (true) {
    const std::size_t begin = page.find(kBegin, at);
    if (begin == std::string::npos) return filled + page.substr(at);
    const std::size_t name_start = begin + kBegin.size();
    const std::size_t close = page.find(kClose, name_start);
    const std::size_t end = page.find(kEnd, name_start);
    if (close == std::string::npos || end == std::string::npos || close > end) {
      return fail(ErrorCode::kMonitor, "a marker of results has no end");
    }
    const std::string name = page.substr(name_start, close - name_start);
    const auto section =
        std::find_if(sections.begin(), sections.end(), [&](const Section& one) { return one.name == name; });
    if (section == sections.end()) return fail(ErrorCode::kMonitor, fmt::format("there are no results: {}", name));
    filled += page.substr(at, close + kClose.size() - at) + "\n" + render(*section);
    at = end;
  }
}

}  // namespace spry::bench
