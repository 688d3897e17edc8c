// Results as JSON: what is measured goes in, what is shown comes out.
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

// Nanoseconds by name, of what Google Benchmark wrote: the medians if it repeated, else the figures themselves.
Result<Json> micro_results(const std::string& text);

Result<void> write_results(const std::string& path, const Json& results);
// Refuses what is not in kFormat.
Result<Json> parse_results(const std::string& text);
Result<Json> read_results(const std::string& path);

}  // namespace spry::bench
