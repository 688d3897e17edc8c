#include "tool/aims.h"

#include <algorithm>

#include "tool/statistics.h"

namespace spry::bench {
namespace {

using Value = std::optional<double>;

const Json* find(const Json& list, const char* key, const Json& value) {
  for (const Json& one : list) {
    if (one.value(key, Json()) == value) return &one;
  }
  return nullptr;
}

// The median of the ratios of each round.
Value ratio_of(const Json* of, const Json* over, const char* key) {
  if (of == nullptr || over == nullptr) return std::nullopt;
  const std::vector<double> ratios =
      pair_ratios((*of)[key].get<std::vector<double>>(), (*over)[key].get<std::vector<double>>());
  if (ratios.empty()) return std::nullopt;
  return median(ratios);
}

Value divide(Value of, Value over) {
  if (!of || !over || *over == 0) return std::nullopt;
  return *of / *over;
}

class Figures {
 public:
  explicit Figures(const Json& results) : results_(results) {}

  Value latency(const char* of, const char* over, const char* key = "hello_us") const {
    if (!results_.contains("latency")) return std::nullopt;
    const Json& samples = results_["latency"]["samples"];
    return ratio_of(find(samples, "name", of), find(samples, "name", over), key);
  }

  // Nanoseconds of a single part.
  Value micro(const char* name) const {
    if (!results_.contains("micro") || !results_["micro"].contains(name)) return std::nullopt;
    return results_["micro"][name].get<double>();
  }

  // Nanoseconds for each with one in flight: the next begins when the last has been waited for.
  Value one_by_one(const char* name) const {
    const Json* const system = throughput(name);
    const Json* const alone = system == nullptr ? nullptr : find((*system)["closed"], "in_flight", 1);
    if (alone == nullptr) return std::nullopt;
    constexpr double kSecond = 1e9;
    return divide(kSecond, (*alone)["achieved"].get<double>());
  }

  // The most at any rate.
  Value open(const char* name) const {
    const Json* const system = throughput(name);
    if (system == nullptr) return std::nullopt;
    return (*system)["maximum"].get<double>();
  }

  // The most at any number in flight.
  Value closed(const char* name) const {
    const Json* const system = throughput(name);
    if (system == nullptr) return std::nullopt;
    double most = 0;
    for (const Json& one : (*system)["closed"]) most = std::max(most, one["achieved"].get<double>());
    return most;
  }

  Value growth(const char* name, double of, double over) const {
    if (!results_.contains("growth")) return std::nullopt;
    const Json* const series = find(results_["growth"], "name", name);
    if (series == nullptr) return std::nullopt;
    const Json& points = (*series)["points"];
    return ratio_of(find(points, "x", of), find(points, "x", over), "hello_us");
  }

  Value live(std::size_t machines, const char* key) const {
    if (!results_.contains("live")) return std::nullopt;
    const Json* const found = find(results_["live"], "machines", machines);
    if (found == nullptr) return std::nullopt;
    return (*found)[key].get<double>();
  }

 private:
  const Json* throughput(const char* name) const {
    return results_.contains("throughput") ? find(results_["throughput"]["systems"], "name", name) : nullptr;
  }

  const Json& results_;
};

}  // namespace

std::vector<Aim> make_aims(const Json& results) {
  const Figures figures(results);
  constexpr double kMebibyte = 1024;
  return {
      {"spry run hello to its first byte, over echo", 1.15, false, figures.latency("spry", "echo")},
      {"the same over the least KVM program", 1.2, false, figures.latency("spry", "floor")},
      {"cold in-process hello over echo", 0.85, false, figures.latency("cold", "echo")},
      {"hello in a ready shell over echo", 0.4, false, figures.latency("shell", "echo")},
      {"hello in a kept machine with its reset, over echo, both back to back", 1.0 / 20, false,
       divide(figures.micro("kept_machine"), figures.one_by_one("echo"))},
      {"the same, both to their end between other systems", 1.0 / 20, false,
       figures.latency("machine", "echo", "end_us")},
      {"the same over a bare KVM_RUN, both back to back", 1.25, false,
       divide(figures.micro("kept_machine"), figures.micro("bare_action"))},
      {"the same, both between other systems", 1.25, false, figures.latency("machine", "kvm-run", "end_us")},
      {"hypercall over a bare exit", 1.1, false, divide(figures.micro("hypercall"), figures.micro("bare_exit"))},
      {"most actions/s of spry run over echo, open system", 0.75, true,
       divide(figures.open("spry"), figures.open("echo"))},
      {"most actions/s of a pool over echo, open system", 15, true,
       divide(figures.open("pooled"), figures.open("echo"))},
      {"the same, closed system", 25, true, divide(figures.closed("pooled"), figures.closed("echo"))},
      {"spry run with 4 GiB of memory over 16 MiB", 1.3, false, figures.growth("memory", 4096, 16)},
      {"spry run of 64 MiB with 1 % used, over 64 KiB", 2, false, figures.growth("image", 65536, 64)},
      {"snapshot of 8 MiB over cold in-process hello", 1.3, false, figures.latency("snapshot-8m", "cold")},
      {"the same, its file opened each time", 1.3, false, figures.latency("snapshot-8m-open", "cold")},
      {"KiB of memory for each of 100 live machines", kMebibyte, false, figures.live(100, "memory_kib")},
  };
}

}  // namespace spry::bench
