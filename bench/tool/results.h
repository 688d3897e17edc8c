// Results as JSON: from measurements to a file, and back for the tables and figures.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "spry/error.h"
#include "tool/growth.h"
#include "tool/host.h"
#include "tool/latency.h"
#include "tool/live.h"
#include "tool/options.h"
#include "tool/saturation.h"

namespace spry::bench {

using Json = nlohmann::ordered_json;

inline constexpr int kFormat = 1;  // of the results

struct ThroughputResult {
  std::string name;
  std::vector<ClosedResult> closed;
  Climb climb;
  LoadResult at_90;  // at 90 % of the maximum
};

Json to_json(const Host& host);
Json to_json(const Description& description);
// Every sample.
Json to_json(const LatencySamples& samples);
// Percentiles 0 to 100 instead of every sample: a load has thousands.
Json to_json(const LoadResult& result);
Json to_json(const ClosedResult& result);
Json to_json(const ThroughputResult& result);
Json to_json(const LiveResult& result);

// Nanoseconds by name, from the output of Google Benchmark: medians if it repeated the measurements, else its figures.
Result<Json> micro_results(const std::string& text);

Result<void> write_results(const std::string& path, const Json& results);
// Reads results. Refuses those that do not have kFormat.
Result<Json> parse_results(const std::string& text);
Result<Json> read_results(const std::string& path);

}  // namespace spry::bench
