#include "tool/sets.h"

#include <filesystem>

#include "text/format.h"
#include "tool/draw.h"
#include "tool/figures.h"
#include "tool/lookup.h"

namespace spry::bench {

// The set that results belong to. Old results do not say it: they were all made with KVM.
std::string set_of(const Json& results) {
  return !has(results, "host") || results["host"].value("kvm", true) ? "kvm" : "process";
}

Result<void> publish(const Json& results, const std::string& folder) {
  const std::filesystem::path target = std::filesystem::path(folder) / set_of(results);
  std::error_code error;
  // Removes old figures first: some may be of parts that were not measured this time.
  std::filesystem::remove_all(target, error);
  std::filesystem::create_directories(target, error);
  if (error) return fail(ErrorCode::kMonitor, fmt::format("{}: {}", target.string(), error.message()));
  const Result<void> written = write_results(target / "results.json", results);
  return written ? draw(make_figures(results), target) : written;
}

Result<std::vector<PublishedSet>> read_sets(const std::string& folder) {
  std::vector<PublishedSet> sets;
  for (const char* const name : kSets) {
    PublishedSet set{name, std::filesystem::path(folder) / name, Json::object()};
    const std::string file = set.folder + "/results.json";
    if (std::filesystem::exists(file)) {
      Result<Json> results = read_results(file);
      if (!results) return tl::unexpected(results.error());
      set.results = std::move(*results);
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

}  // namespace spry::bench
