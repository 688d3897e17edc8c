#include "tool/document.h"

#include <algorithm>
#include <filesystem>

#include "text/format.h"
#include "text/join.h"
#include "tool/comparison.h"
#include "tool/figures.h"

namespace spry::bench {
namespace {

constexpr std::string_view kBegin = "<!-- results: ";
constexpr std::string_view kClose = " -->";
constexpr std::string_view kEnd = "<!-- end of results -->";

std::string render(const Section& section) {
  std::string text = section.words.empty() ? "" : section.words + "\n";
  if (!section.grid.header.empty()) text += (text.empty() ? "" : "\n") + render_markdown(section.grid);
  if (!section.figures.empty()) text += "\n" + join(section.figures, "\n") + "\n";
  return text;
}

// The section that a figure belongs to.
std::string section_of(const std::string& figure) {
  if (figure == "load") return "throughput";
  if (figure == "growth-live") return "live";
  return figure.substr(0, figure.find('-'));
}

// "Measured on 2026-11-26 with KVM on AMD EPYC, 2 processors."
std::string origin(const Json& results) {
  const Json& host = results["host"];
  return fmt::format("Measured on {} {} KVM on {}, {} processors.", results.value("date", ""),
                     set_of(results) == "kvm" ? "with" : "without", host.value("processor", ""),
                     host.value("processors", 0));
}

}  // namespace

std::vector<Section> make_sections(const std::vector<PublishedSet>& sets, const std::string& page_folder) {
  std::vector<Section> all = compare(sets.front().results, sets.back().results);
  for (const PublishedSet& set : sets) {
    const std::string folder = std::filesystem::proximate(set.folder, page_folder).string();
    const std::vector<Figure> figures = make_figures(set.results);
    for (Section& section : make_report(set.results)) {
      for (const Figure& figure : figures) {
        if (section_of(figure.name) != section.name) continue;
        section.figures.push_back(fmt::format("![{}]({}/{}.svg)", figure.name, folder, figure.name));
      }
      if (!section.grid.header.empty()) {
        section.words = origin(set.results) + (section.words.empty() ? "" : " " + section.words);
      }
      section.name = set.name + "/" + section.name;
      all.push_back(std::move(section));
    }
  }
  return all;
}

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
