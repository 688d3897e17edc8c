// spry-bench: see `spry-bench help`.

#include <cstdio>
#include <filesystem>

#include "text/format.h"
#include "tool/document.h"
#include "tool/draw.h"
#include "tool/folder.h"
#include "tool/measure.h"
#include "tool/options.h"
#include "tool/report.h"
#include "tool/sets.h"

namespace spry::bench {
namespace {

Result<void> document(const std::string& folder, const std::string& target) {
  const Result<std::vector<PublishedSet>> sets = read_sets(folder);
  if (!sets) return tl::unexpected(sets.error());
  const Result<std::string> page = read_file(target);
  if (!page) return tl::unexpected(page.error());
  const std::string beside = std::filesystem::absolute(target).parent_path();
  const Result<std::string> filled = fill_page(*page, make_sections(*sets, beside));
  return filled ? write_file(target, *filled) : tl::unexpected(filled.error());
}

Result<void> run(const Options& options) {
  if (options.verb == Verb::kHelp) {
    fmt::print("{}", usage());
    return {};
  }
  if (options.verb == Verb::kMeasure) {
    const Result<Json> results = measure(options);
    return results ? write_results(options.results, *results) : tl::unexpected(results.error());
  }
  if (options.verb == Verb::kDocument) return document(options.results, options.target);
  const Result<Json> results = read_results(options.results);
  if (!results) return tl::unexpected(results.error());
  if (options.verb == Verb::kDraw) return draw(make_figures(*results), options.target);
  if (options.verb == Verb::kPublish) return publish(*results, options.target);
  for (const Section& section : make_report(*results)) {
    fmt::print("\n{}\n", section.title);
    if (!section.words.empty()) fmt::print("{}\n", section.words);
    if (!section.grid.header.empty()) fmt::print("\n{}", render_text(section.grid));
  }
  return {};
}

}  // namespace
}  // namespace spry::bench

int main(int argc, char** argv) {
  using namespace spry::bench;
  constexpr int kUsage = 2;
  const spry::Result<Options> options = parse_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "spry-bench: {} (see spry-bench help)\n", options.error().message);
    return kUsage;
  }
  const spry::Result<void> done = run(*options);
  if (!done) fmt::print(stderr, "spry-bench: {}\n", done.error().message);
  return done ? 0 : 1;
}
