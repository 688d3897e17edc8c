// docs/benchmarks.md: people write the words, results fill the space between markers.
#pragma once

#include <string>
#include <vector>

#include "spry/error.h"
#include "tool/report.h"
#include "tool/sets.h"

namespace spry::bench {

// What a page can show: machines, beside, and of each set all sections as SET/NAME, with links from the page's folder
// to its figures.
std::vector<Section> make_sections(const std::vector<PublishedSet>& sets, const std::string& page_folder);

// `page` with what lies between `<!-- results: NAME -->` and `<!-- end of results -->` replaced by the section NAME.
// Errors: a marker without its end, or one that names no section.
Result<std::string> fill_page(const std::string& page, const std::vector<Section>& sections);

}  // namespace spry::bench
