#include "tool/results.h"

#include <algorithm>
#include <cmath>

#include "text/format.h"
#include "tool/folder.h"
#include "tool/platform.h"

namespace spry::bench {
namespace {

// Rounds to a hundredth of a microsecond, which is finer than the clocks here.
double rounded(double value) {
  constexpr double kHundred = 100;
  return std::round(value * kHundred) / kHundred;
}

Json rounded(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(rounded(value));
  return list;
}

// Appends JSON with one line for each list of numbers, so that the file can be read and compared.
void append(std::string& text, const Json& value, std::size_t depth) {
  if (!value.is_structured() || value.empty() || (value.is_array() && value[0].is_primitive())) {
    text += value.dump();
    return;
  }
  text += value.is_object() ? "{" : "[";
  const char* separator = "\n";
  for (const auto& [key, member] : value.items()) {
    text += separator + std::string(depth + 1, ' ');
    if (value.is_object()) text += Json(key).dump() + ": ";
    append(text, member, depth + 1);
    separator = ",\n";
  }
  text += "\n" + std::string(depth, ' ') + (value.is_object() ? "}" : "]");
}

}  // namespace

Json to_json(const Host& host) {
  return {{"processor", host.processor},
          {"processors", host.processors},
          {"memory_gib", rounded(host.memory_gib)},
          {"kernel", host.kernel},
          {"preemption", host.preemption},
          {"virtual_machine", host.virtual_machine},
          {"kvm", host.kvm},
          {"hardware_kvm", host.hardware_kvm},
          {"load_average", host.load}};
}

Json to_json(const Description& description) {
  return {{"name", description.name}, {"label", description.label}, {"how", description.how}};
}

Json to_json(const LatencySamples& samples) {
  std::vector<double> faults;
  std::vector<double> processor;
  for (const Usage& usage : samples.usage) {
    faults.push_back(usage.page_faults);
    processor.push_back(usage.processor_time);
  }
  return {{"name", samples.name},
          {"hello_us", rounded(samples.hello)},
          {"end_us", rounded(samples.end)},
          {"page_faults", rounded(faults)},
          {"processor_us", rounded(processor)}};
}

Json to_json(const LoadResult& result) {
  return {{"offered", rounded(result.offered)},
          {"arrived", rounded(result.arrived)},
          {"achieved", rounded(result.achieved)},
          {"sustained", is_sustained(result)},
          {"generator_bound", is_generator_bound(result)},
          {"lag_heavy", is_lag_heavy(result)},
          {"arrivals", result.arrivals},
          {"completed", result.completed},
          {"abandoned", result.abandoned},
          {"failures", result.failures},
          {"failure", result.failure},
          {"queued", rounded(result.queued)},
          {"busy", rounded(result.busy)},
          {"processor_us", rounded(result.processor_time)},
          {"hello_us_percentiles", rounded(quantiles(result.hello))},
          {"end_us_percentiles", rounded(quantiles(result.end))},
          {"lag_us_percentiles", rounded(quantiles(result.lag))}};
}

Json to_json(const ClosedResult& result) {
  return {{"in_flight", result.in_flight},
          {"achieved", rounded(result.achieved)},
          {"failures", result.failures},
          {"failure", result.failure},
          {"hello_us_percentiles", rounded(quantiles(result.hello))},
          {"end_us_percentiles", rounded(quantiles(result.end))}};
}

Json to_json(const ThroughputResult& result) {
  Json closed = Json::array();
  for (const ClosedResult& one : result.closed) closed.push_back(to_json(one));
  Json open = Json::array();
  for (const LoadResult& step : result.climb.steps) open.push_back(to_json(step));
  return {{"name", result.name},
          {"maximum", rounded(result.climb.maximum)},
          {"saturated", result.climb.saturated},
          {"generator_bound", result.climb.generator_bound},
          {"at_90", to_json(result.at_90)},
          {"open", std::move(open)},
          {"closed", std::move(closed)}};
}

Json to_json(const LiveResult& result) {
  return {{"platform", to_string(result.platform)},   {"machines", result.machines},
          {"memory_kib", rounded(result.memory_kib)}, {"snapshot_memory_kib", rounded(result.snapshot_memory_kib)},
          {"hello_us", rounded(result.hello)},        {"end_us", rounded(result.end)},
          {"faults_us", rounded(result.faults)}};
}

Result<Json> micro_results(const std::string& text) {
  const Json written = Json::parse(text, nullptr, false);
  if (!written.is_object() || !written.contains("benchmarks")) {
    return fail(ErrorCode::kMonitor, "this is not what Google Benchmark writes");
  }
  Json single = Json::object();
  Json medians = Json::object();
  for (const Json& row : written["benchmarks"]) {
    const std::string unit = row.value("time_unit", "ns");
    const double factor = unit == "us" ? 1e3 : unit == "ms" ? 1e6 : unit == "s" ? 1e9 : 1;
    // What follows a slash in the name says how the part was measured.
    std::string name = row.value("run_name", row.value("name", ""));
    name.erase(std::min(name.find('/'), name.size()));
    if (row.contains("error_occurred") || !row.contains("real_time")) continue;
    const double time = rounded(row["real_time"].get<double>() * factor);
    if (row.value("run_type", "") != "aggregate") {
      single[name] = time;
    } else if (row.value("aggregate_name", "") == "median") {
      medians[name] = time;
    }
  }
  return medians.empty() ? single : medians;
}

Result<void> write_results(const std::string& path, const Json& results) {
  std::string text;
  append(text, results, 0);
  return write_file(path, text + "\n");
}

Result<Json> parse_results(const std::string& text) {
  Json results = Json::parse(text, nullptr, false);
  if (!results.is_object() || results.value("format", 0) != kFormat) {
    return fail(ErrorCode::kMonitor, fmt::format("these are no results of spry-bench in format {}", kFormat));
  }
  return results;
}

Result<Json> read_results(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  Result<Json> results = parse_results(*text);
  if (!results) return fail(results.error().code, fmt::format("{}: {}", path, results.error().message));
  return results;
}

}  // namespace spry::bench
