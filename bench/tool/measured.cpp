#include "tool/measured.h"

#include <algorithm>

#include "tool/lookup.h"
#include "tool/statistics.h"

namespace spry::bench {
namespace {

Value ratio_of(const Json* of, const Json* over, const char* key) {
  if (of == nullptr || over == nullptr) return std::nullopt;
  const std::vector<double> ratios = pair_ratios(numbers((*of)[key]), numbers((*over)[key]));
  if (ratios.empty()) return std::nullopt;
  return median(ratios);
}

}  // namespace

Value divide(Value of, Value over) {
  if (!of || !over || *over == 0) return std::nullopt;
  return *of / *over;
}

Value Measured::latency(const std::string& of, const std::string& over, const char* key) const {
  if (!has(results_, "latency")) return std::nullopt;
  const Json& samples = results_["latency"]["samples"];
  return ratio_of(find(samples, of), find(samples, over), key);
}

Value Measured::block(const std::string& of, const std::string& over) const {
  if (!has(results_, "block")) return std::nullopt;
  const Json& samples = results_["block"]["samples"];
  return ratio_of(find(samples, of), find(samples, over), "end_us");
}

Value Measured::micro(const std::string& name) const {
  if (!has(results_, "micro") || !results_["micro"].contains(name)) return std::nullopt;
  return results_["micro"][name].get<double>();
}

Value Measured::one_by_one(const std::string& system) const {
  const Json* const found = throughput(system);
  const Json* const alone = found == nullptr ? nullptr : find((*found)["closed"], "in_flight", 1);
  if (alone == nullptr) return std::nullopt;
  constexpr double kSecond = 1e9;
  return divide(kSecond, (*alone)["achieved"].get<double>());
}

Value Measured::open(const std::string& system) const {
  const Json* const found = throughput(system);
  if (found == nullptr) return std::nullopt;
  return (*found)["maximum"].get<double>();
}

Value Measured::closed(const std::string& system) const {
  const Json* const found = throughput(system);
  if (found == nullptr) return std::nullopt;
  double most = 0;
  for (const Json& one : (*found)["closed"]) most = std::max(most, one["achieved"].get<double>());
  return most;
}

Value Measured::growth(const std::string& of_series, double of, const std::string& over_series, double over) const {
  if (!has(results_, "growth")) return std::nullopt;
  const Json* const upper = find(results_["growth"], of_series);
  const Json* const lower = find(results_["growth"], over_series);
  if (upper == nullptr || lower == nullptr) return std::nullopt;
  return ratio_of(find((*upper)["points"], "x", of), find((*lower)["points"], "x", over), "hello_us");
}

Value Measured::live(const std::string& platform, std::size_t machines, const char* key) const {
  if (!has(results_, "live")) return std::nullopt;
  for (const Json& one : results_["live"]) {
    if (one.value("platform", "kvm") == platform && one["machines"] == machines) return one[key].get<double>();
  }
  return std::nullopt;
}

const Json* Measured::throughput(const std::string& system) const {
  return has(results_, "throughput") ? find(results_["throughput"]["systems"], system) : nullptr;
}

}  // namespace spry::bench
