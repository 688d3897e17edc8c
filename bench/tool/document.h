// Fills docs/benchmarks.md: people write the words, and results go between markers.
#pragma once

#include <string>
#include <vector>

#include "spry/error.h"
#include "tool/report.h"
#include "tool/sets.h"

namespace spry::bench {

// The sections that a page can show: "machines", "beside", and all sections of each set as SET/NAME. Links to figures
// are relative to the page's folder.
std::vector<Section> make_sections(const std::vector<PublishedSet>& sets, const std::string& page_folder);

// Returns `page` with the text between `<!-- results: NAME -->` and `<!-- end of results -->` replaced by section NAME.
// Errors: a marker without its end, or one that names no section.
Result<std::string> fill_page(const std::string& page, const std::vector<Section>& sections);

}  // namespace spry::bench
