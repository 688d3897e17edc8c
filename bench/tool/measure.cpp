#include "tool/measure.h"

#include <algorithm>
#include <chrono>

#include "text/format.h"
#include "tool/block.h"
#include "tool/catalogue.h"
#include "tool/cost.h"
#include "tool/folder.h"
#include "tool/growth.h"
#include "tool/host.h"
#include "tool/lookup.h"
#include "tool/platform.h"
#include "tool/progress.h"
#include "tool/saturation.h"

namespace spry::bench {
namespace {

std::string today() {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

using Systems = std::vector<std::unique_ptr<System>>;

Result<Programs> find_programs() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorCode::kMonitor, fmt::format("/proc/self/exe: {}", error.message()));
  const std::filesystem::path binaries = self.parent_path();
  return Programs{binaries, binaries.parent_path() / "guests"};
}

// One measurement in progress: its results so far, and what it left out.
class Measurement {
 public:
  Measurement(const Options& options, Programs programs, Folder folder)
      : options_(options), programs_(std::move(programs)), folder_(std::move(folder)) {}

  Result<Json> run() {
    describe();
    // The benchmark itself chooses the platforms.
    unsetenv("SPRY_PLATFORM");
    if (!has_kvm()) leave_out({"kvm", "all that needs KVM", {}}, "this process may not use /dev/kvm, or there is none");
    Systems systems = prepared(make_systems(programs_, options_.guests, folder_, collector_), true);
    if (options_.part("latency")) results_["latency"] = latency(systems, "latency", options_.latency);
    if (options_.part("fetch")) {
      const Systems cold = prepared(make_cold_systems(programs_, folder_, collector_), false);
      results_["fetch"] = latency(cold, "cold cache", options_.latency);
    }
    if (options_.part("throughput")) results_["throughput"] = throughput(systems);
    if (options_.part("growth")) {
      results_["growth"] = growth();
      results_["live"] = live();
    }
    if (options_.part("block")) {
      const Systems block = prepared(make_block_systems(programs_, folder_, collector_), false);
      LatencyOptions rounds = options_.latency;
      rounds.rounds = options_.block_rounds;
      rounds.warm_up = 1;
      results_["block"] = latency(block, "block device", rounds);
      results_["block"]["mebibytes"] = kBlockMebibytes;
    }
    results_["left_out"] = std::move(left_out_);
    if (!options_.micro.empty()) {
      const Result<std::string> text = read_file(options_.micro);
      if (!text) return tl::unexpected(text.error());
      Result<Json> micro = micro_results(*text);
      if (!micro) return micro;
      results_["micro"] = std::move(*micro);
    }
    return std::move(results_);
  }

 private:
  void describe() {
    results_["format"] = kFormat;
    results_["quick"] = options_.quick;
    results_["revision"] = options_.revision;
    results_["date"] = today();
    results_["host"] = to_json(describe_host());
    Json versions = Json::object();
    for (const char* const name : {"runc", "crun", "podman", "docker", "qemu-system-x86_64", "solo5-hvt"}) {
      const std::string version = version_of(find_program(name));
      if (!version.empty()) versions[name] = version;
    }
    results_["versions"] = std::move(versions);
    results_["prices"] = {{"hourly", options_.prices.hourly}, {"per_action", options_.prices.per_action}};
  }

  // Notes that a system is left out, and why. Prints each reason once.
  void leave_out(const Description& description, const std::string& reason) {
    for (const Json& before : left_out_) {
      if (before["label"] == description.label && before["reason"] == reason) return;
    }
    if (find(left_out_, "reason", reason) == nullptr) {
      progress_.say(fmt::format("left out: {}: {}", description.label, reason));
    }
    left_out_.push_back({{"name", description.name}, {"label", description.label}, {"reason", reason}});
  }

  // Those of the candidates that work here and are wanted.
  Systems prepared(Systems candidates, bool selectable) {
    Systems systems;
    for (std::unique_ptr<System>& system : candidates) {
      if (selectable && !options_.wanted(system->description().name)) continue;
      progress_.show(fmt::format("preparing {}", system->description().label));
      const Result<void> ready = system->prepare();
      if (ready) {
        systems.push_back(std::move(system));
      } else {
        leave_out(system->description(), ready.error().message);
      }
    }
    return systems;
  }

  static std::vector<System*> borrowed(const Systems& systems) {
    std::vector<System*> list;
    for (const std::unique_ptr<System>& system : systems) list.push_back(system.get());
    return list;
  }

  Json latency(const Systems& systems, std::string_view title, const LatencyOptions& options) {
    const std::vector<System*> list = borrowed(systems);
    const std::vector<LatencySamples> measured = measure_latency(list, options, title, progress_);
    Json described = Json::array();
    Json samples = Json::array();
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!measured[i].failure.empty()) {
        leave_out(list[i]->description(), "failed while it was measured: " + measured[i].failure);
        continue;
      }
      described.push_back(to_json(list[i]->description()));
      samples.push_back(to_json(measured[i]));
    }
    return {{"rounds", options.rounds},
            {"warm_up", options.warm_up},
            {"gap_ms", seconds(options.gap) * 1e3},
            {"systems", std::move(described)},
            {"samples", std::move(samples)}};
  }

  // Slow systems need more time for the same number of arrivals.
  static LoadOptions lengthened(LoadOptions load, double rate) {
    constexpr double kArrivals = 40;
    constexpr int kMost = 4;
    load.duration = std::clamp(from_seconds(kArrivals / rate), load.duration, kMost * load.duration);
    return load;
  }

  ThroughputResult throughput_of(System& system) {
    const std::string& label = system.description().label;
    ThroughputResult result;
    result.name = system.description().name;
    double estimate = 0;
    for (const std::size_t in_flight : options_.closed_in_flight) {
      progress_.show(fmt::format("throughput: {}, {} in flight", label, in_flight));
      result.closed.push_back(run_closed_load(system, in_flight, options_.closed_duration));
      estimate = std::max(estimate, result.closed.back().achieved);
    }
    const auto step = [&](double rate) {
      progress_.show(fmt::format("throughput: {}, {:.0f} arrivals/s", label, rate));
      return run_open_load(system, rate, lengthened(options_.load, rate));
    };
    if (estimate == 0) return result;
    result.climb = climb(estimate, step);
    constexpr double kShare = 0.9;
    if (result.climb.maximum > 0) result.at_90 = step(kShare * result.climb.maximum);
    return result;
  }

  Json throughput(const Systems& systems) {
    Json labels = Json::array();
    Json list = Json::array();
    for (const std::unique_ptr<System>& system : systems) {
      if (!system->description().throughput) continue;
      const ThroughputResult result = throughput_of(*system);
      if (result.climb.maximum == 0) {
        leave_out(system->description(), "no throughput: " + (result.closed.empty() ? std::string("nothing ended")
                                                                                    : result.closed[0].failure));
        continue;
      }
      labels.push_back(to_json(system->description()));
      list.push_back(to_json(result));
    }
    return {{"pattern", to_string(options_.load.pattern)},
            {"seed", options_.load.seed},
            {"duration_s", seconds(options_.load.duration)},
            {"in_flight", options_.load.in_flight},
            {"dispatchers", options_.load.dispatchers},
            {"sustained_share", kSustainedShare},
            {"break_even", break_even(options_.prices)},
            {"labels", std::move(labels)},
            {"systems", std::move(list)}};
  }

  Json growth() {
    Json all = Json::array();
    for (Growth& growth : make_growth(programs_, folder_, options_.quick, collector_)) {
      for (Json& series : measured(growth)) all.push_back(std::move(series));
    }
    return all;
  }

  // Measures all series of a growth, in the same rounds.
  Json measured(Growth& growth) {
    LatencyOptions options = options_.latency;
    options.rounds = options_.growth_rounds;
    std::vector<System*> list;
    for (GrowthSeries& series : growth.series) {
      for (GrowthPoint& point : series.points) {
        progress_.show(fmt::format("preparing {}", point.system->description().label));
        const Result<void> ready = point.system->prepare();
        if (ready) {
          list.push_back(point.system.get());
        } else {
          // Without the point's x: usually all points of a series fail for the same reason.
          leave_out({series.name, fmt::format("{} ({})", series.title, series.label), {}}, ready.error().message);
        }
      }
    }
    const std::vector<LatencySamples> samples =
        measure_latency(list, options, fmt::format("growth: {}", growth.name), progress_);
    Json all = Json::array();
    for (const GrowthSeries& series : growth.series) {
      Json points = Json::array();
      for (const GrowthPoint& point : series.points) {
        const auto place = std::find(list.begin(), list.end(), point.system.get());
        if (place == list.end()) continue;
        const LatencySamples& found = samples[static_cast<std::size_t>(place - list.begin())];
        if (!found.failure.empty()) {
          leave_out(point.system->description(), "failed while it was measured: " + found.failure);
          continue;
        }
        Json json = to_json(found);
        json["x"] = point.x;
        points.push_back(std::move(json));
      }
      if (points.empty()) continue;
      all.push_back({{"name", series.name},
                     {"group", growth.name},
                     {"system", series.system},
                     {"label", series.label},
                     {"title", series.title},
                     {"axis", growth.axis},
                     {"points", std::move(points)}});
    }
    return all;
  }

  // Measures with more and more machines alive, beginning with none.
  Json live() {
    Json all = Json::array();
    const std::vector<std::size_t> counts = options_.quick ? std::vector<std::size_t>{0, 10, 100}
                                                           : std::vector<std::size_t>{0, 1, 10, 30, 100, 200, 300, 500};
    for (const Platform platform : platforms_here()) {
      for (const std::size_t count : counts) {
        const std::string label = label_on(platform, fmt::format("{} live machines", count));
        progress_.show("growth: " + label);
        const Result<LiveResult> result = measure_live(programs_.guests + "/hello", programs_.guests + "/bench-ready",
                                                       platform, count, options_.growth_rounds);
        if (!result) {
          leave_out({name_on(platform, fmt::format("live-{}", count)), label, {}}, result.error().message);
          break;
        }
        all.push_back(to_json(*result));
      }
    }
    return all;
  }

  const Options& options_;
  Programs programs_;
  Folder folder_;
  Collector collector_;
  Progress progress_;
  Json results_ = Json::object();
  Json left_out_ = Json::array();
};

}  // namespace

Result<Json> measure(const Options& options) {
  Result<Programs> programs = find_programs();
  if (!programs) return tl::unexpected(programs.error());
  Result<Folder> folder = Folder::make();
  if (!folder) return tl::unexpected(folder.error());
  Measurement measurement(options, std::move(*programs), std::move(*folder));
  return measurement.run();
}

}  // namespace spry::bench
