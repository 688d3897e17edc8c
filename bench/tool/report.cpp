#include "tool/report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "text/format.h"
#include "text/join.h"
#include "tool/aims.h"
#include "tool/live.h"
#include "tool/lookup.h"
#include "tool/paper.h"
#include "tool/sets.h"
#include "tool/show.h"
#include "tool/statistics.h"

namespace spry::bench {
namespace {

constexpr const char* kNothing = "";

// "1.34 (1.20-1.50)": the median of the ratios of each round, and their 10th and 90th percentiles.
std::string paired(const Json& samples, const Json* over, const char* key) {
  if (over == nullptr) return kNothing;
  const Summary summary = summarize(pair_ratios(numbers(samples[key]), numbers((*over)[key])));
  return fmt::format("{} ({}-{})", show_ratio(summary.median), show_ratio(summary.p10), show_ratio(summary.p90));
}

Section host_section(const Json& results) {
  Section section{"host", "Machine", {}, {{"", "value"}, {}}, {}};
  for (const auto& [name, value] : describe(results)) section.grid.rows.push_back({name, value});
  return section;
}

// The median of a list that only samples of processes have.
std::string used(const Json& sample, const char* key, std::string (*show)(double)) {
  const std::vector<double> list = numbers(sample.value(key, Json::array()));
  return list.empty() ? kNothing : show(median(list));
}

Section latency_section(const Json& results, const std::string& part, std::string title) {
  const Json& latency = results[part];
  const Json& samples = latency["samples"];
  const bool fetch = part == "fetch";
  const Json* const echo = find(samples, fetch ? "echo-fetch" : "echo");
  // The floor, which no monitor on this machine can be faster than.
  const Json* const machine_floor = find(samples, "floor");
  const Json* const floor = machine_floor != nullptr ? machine_floor : find(samples, "static");
  const double gap = latency.value("gap_ms", 0.0);
  Section section;
  section.name = part;
  section.title = std::move(title);
  section.words = fmt::format(
      "From the invocation to \"Hello\" received, and to the end waited for. {} rounds of all systems, each in an "
      "order of its own, after {} "
      "to "
      "warm up, {}. Medians, with 10th and 90th percentiles in brackets; ratios are computed round by round. Page "
      "faults "
      "and CPU time are what Linux says of a process at its end; what a guest's memory takes is no fault of a "
      "process's.",
      latency.value("rounds", 0), latency.value("warm_up", 0),
      gap > 0 ? fmt::format("with {} ms idle before each invocation", gap) : "back to back");
  section.grid.header = {"system", "to Hello", "p99", "over echo"};
  if (!fetch) {
    section.grid.header.emplace_back(machine_floor != nullptr ? "over the least KVM program" : "over a static process");
    section.grid.header.emplace_back("paper, over echo");
  }
  section.grid.header.insert(section.grid.header.end(), {"to the end", "end, over echo", "page faults", "CPU time"});
  if (fetch) section.grid.header.emplace_back("evicted");
  for (const Json& one : samples) {
    const std::string name = one["name"];
    const Summary hello = summarize(numbers(one["hello_us"]));
    std::vector<std::string> row = {
        label_of(latency["systems"], name),
        fmt::format("{} ({}-{})", show_time(hello.median), show_time(hello.p10), show_time(hello.p90)),
        show_time(hello.p99), paired(one, echo, "hello_us")};
    if (!fetch) {
      row.push_back(paired(one, floor, "hello_us"));
      const PaperFigure* const paper = paper_figure(name);
      row.push_back(paper == nullptr ? kNothing : show_ratio(paper->latency_ms / paper_figure("echo")->latency_ms));
    }
    row.push_back(show_time(median(numbers(one["end_us"]))));
    row.push_back(paired(one, echo, "end_us"));
    row.push_back(used(one, "page_faults", show_count));
    row.push_back(used(one, "processor_us", show_time));
    if (fetch) {
      const Json* const system = find(latency["systems"], name);
      const std::string how = system == nullptr ? "" : system->value("how", "");
      row.push_back(how.substr(0, how.find(" evicted")));
    }
    section.grid.rows.push_back(std::move(row));
  }
  return section;
}

double percentile_at(const Json& load, const char* key, std::size_t percent) {
  const Json& list = load[key];
  return list.size() <= percent ? 0 : list[percent].get<double>();
}

// The share of the arrivals whose Hello came within 100 ms, in percent.
int within_100_ms(const Json& load) {
  constexpr double kLimit = 100'000;
  const std::vector<double> list = numbers(load["hello_us_percentiles"]);
  return std::max(0, static_cast<int>(std::upper_bound(list.begin(), list.end(), kLimit) - list.begin()) - 1);
}

// The highest sustained rate at which 99 of 100 actions said Hello within 100 ms.
std::string fast_up_to(const Json& system) {
  constexpr double kLimit = 100'000;
  double rate = 0;
  for (const Json& step : system["open"]) {
    if (percentile_at(step, "hello_us_percentiles", 99) > kLimit || !step.value("sustained", false)) continue;
    rate = std::max(rate, step.value("arrived", 0.0));
  }
  return rate == 0 ? "never" : show_rate(rate);
}

// The step in which the most actions per second ended.
const Json& busiest(const Json& system) {
  const Json& steps = system["open"];
  return *std::max_element(steps.begin(), steps.end(), [](const Json& a, const Json& b) {
    return a.value("achieved", 0.0) < b.value("achieved", 0.0);
  });
}

std::string remarks(const Json& system) {
  if (!system["at_90"].value("failure", "").empty()) return "failures: " + system["at_90"].value("failure", "");
  if (system.value("generator_bound", false)) return "the generator was the bottleneck";
  if (!system.value("saturated", false)) return "not saturated";
  if (system["at_90"].value("lag_heavy", false)) return "latency is partly the generator's lag";
  return kNothing;
}

Section throughput_section(const Json& results) {
  const Json& throughput = results["throughput"];
  const double line = throughput["break_even"];
  const Json* const echo = find(throughput["systems"], "echo");
  Section section;
  section.name = "throughput";
  section.title = "Throughput, open system";
  section.words = fmt::format(
      "Arrivals by a {} process (seed {}) whatever became of those before, {} s at each rate (up to four times that "
      "for rates with few arrivals), up to {} actions in "
      "flight, but in a pool, which queues itself; what arrives beyond waits, and its latency counts from its arrival. "
      "While more wait, the generator rests 200 us at a time, which its lag shows. A rate is sustained if {:.0f} % of "
      "what "
      "arrived in the measured window also ended in it, or all but {}; the climb ends after {} rates in a row that "
      "were not. The "
      "maximum is the most that ended in a second at any rate. {} threads start processes, one starts what is in this "
      "process; their lag is the time "
      "from "
      "when an action could have been started to when it was. Busy is the share of all processors' time that was spent "
      "on anything at the rate of the maximum, and CPU time that for each action, generator and kernel threads "
      "included. ${} an hour and ${:.9f} an action need {:.2f} actions/s.",
      throughput.value("pattern", ""), throughput.value("seed", 0), throughput.value("duration_s", 0.0),
      throughput.value("in_flight", 0), 100 * throughput.value("sustained_share", 0.0), kSustainedRest,
      kUnsustainedInARow, throughput.value("dispatchers", 0), results["prices"].value("hourly", 0.0),
      results["prices"].value("per_action", 0.0), line);
  section.grid.header = {
      "system",         "maximum/s",    "over echo",     "paper, over echo",       "times break-even",
      "at 90 %: Hello", "at 90 %: p99", "within 100 ms", "p99 below 100 ms up to", "lag p50, p99",
      "busy",           "CPU time",     "remark"};
  for (const Json& one : throughput["systems"]) {
    const std::string name = one["name"];
    const Json& at_90 = one["at_90"];
    const Json& most = busiest(one);
    const double maximum = one["maximum"];
    const PaperFigure* const paper = paper_figure(name);
    section.grid.rows.push_back(
        {label_of(throughput["labels"], name), show_rate(maximum),
         echo == nullptr ? kNothing : show_ratio(maximum / (*echo)["maximum"].get<double>()),
         paper == nullptr || paper->maximum == 0 ? kNothing
                                                 : show_ratio(paper->maximum / paper_figure("echo")->maximum),
         show_ratio(maximum / line), show_time(percentile_at(at_90, "hello_us_percentiles", 50)),
         show_time(percentile_at(at_90, "hello_us_percentiles", 99)), fmt::format("{} %", within_100_ms(at_90)),
         fast_up_to(one),
         fmt::format("{}, {}", show_time(percentile_at(at_90, "lag_us_percentiles", 50)),
                     show_time(percentile_at(at_90, "lag_us_percentiles", 99))),
         fmt::format("{:.0f} %", 100 * most.value("busy", 0.0)), show_time(most.value("processor_us", 0.0)),
         remarks(one)});
  }
  return section;
}

Section closed_section(const Json& results) {
  const Json& throughput = results["throughput"];
  Section section;
  section.name = "closed";
  section.title = "Throughput, closed system";
  section.words =
      "Actions a second with N in flight, each followed by the next: by N threads, or in a pool by the callback of "
      "each.";
  section.grid.header = {"system"};
  for (const Json& one : throughput["systems"]) {
    std::vector<std::string> row = {label_of(throughput["labels"], one["name"])};
    for (const Json& closed : one["closed"]) {
      if (section.grid.rows.empty()) section.grid.header.push_back(fmt::format("N = {}", closed.value("in_flight", 0)));
      row.push_back(closed.value("failures", 0) > 0 ? "failed" : show_rate(closed["achieved"]));
    }
    section.grid.rows.push_back(std::move(row));
  }
  return section;
}

Section load_section(const Json& results) {
  const Json& throughput = results["throughput"];
  Section section;
  section.name = "load";
  section.title = "Every rate that was offered";
  section.grid.header = {"system", "offered/s", "arrived/s", "ended/s", "Hello",
                         "p99",    "queued",    "lag p50",   "lag p99", "verdict"};
  for (const Json& one : throughput["systems"]) {
    for (const Json& step : one["open"]) {
      std::string verdict = step.value("sustained", false) ? "sustained" : "not sustained";
      if (step.value("generator_bound", false)) verdict = "the generator was the bottleneck";
      if (step.value("failures", 0) > 0) verdict = fmt::format("{} failed", step.value("failures", 0));
      section.grid.rows.push_back({label_of(throughput["labels"], one["name"]), show_rate(step["offered"]),
                                   show_rate(step["arrived"]), show_rate(step["achieved"]),
                                   show_time(percentile_at(step, "hello_us_percentiles", 50)),
                                   show_time(percentile_at(step, "hello_us_percentiles", 99)),
                                   fmt::format("{:.0f} %", 100 * step.value("queued", 0.0)),
                                   show_time(percentile_at(step, "lag_us_percentiles", 50)),
                                   show_time(percentile_at(step, "lag_us_percentiles", 99)), verdict});
    }
  }
  return section;
}

Section growth_section(const Json& results) {
  Section section;
  section.name = "growth";
  section.title = "Growth";
  section.words = "Medians to \"Hello\"; the last column is the last over the first, round by round.";
  section.grid.header = {"series", "x", "to Hello", "to the end", "last over first"};
  for (const Json& series : results["growth"]) {
    const Json& points = series["points"];
    const std::string label = series.value("label", "");
    const std::string title = series.value("title", "") + (label.empty() ? "" : fmt::format(" ({})", label));
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Json& point = points[i];
      const bool last = i + 1 == points.size();
      section.grid.rows.push_back(
          {i == 0 ? title : "", fmt::format("{} {}", point.value("x", 0.0), i == 0 ? series.value("axis", "") : ""),
           show_time(median(numbers(point["hello_us"]))), show_time(median(numbers(point["end_us"]))),
           last ? paired(point, &points[0], "hello_us") : kNothing});
    }
  }
  return section;
}

Section live_section(const Json& results) {
  Section section;
  section.name = "live";
  section.title = "Live machines";
  section.words = fmt::format(
      "With N reusable machines alive in this process, each after one action and its reset: a cold in-process hello, "
      "{} "
      "copy-on-write faults of the process itself, and by how much free memory fell for each machine, the kernel's "
      "part "
      "included: machines of an image each, and machines that share a snapshot. Medians; what other processes of the "
      "machine took or gave meanwhile is part of the memory.",
      kLiveFaults);
  section.grid.header = {"machines", "one more, to Hello",    "to the end", fmt::format("{} faults", kLiveFaults),
                         "KiB each", "KiB each, one snapshot"};
  for (const Json& one : results["live"]) {
    const std::size_t machines = one.value("machines", std::size_t{0});
    section.grid.rows.push_back({fmt::format("{}, {}", one.value("platform", "kvm"), machines),
                                 show_time(median(numbers(one["hello_us"]))), show_time(median(numbers(one["end_us"]))),
                                 show_time(median(numbers(one["faults_us"]))),
                                 machines > 0 ? show_count(one.value("memory_kib", 0.0)) : kNothing,
                                 machines > 0 ? show_count(one.value("snapshot_memory_kib", 0.0)) : kNothing});
  }
  return section;
}

// "0.05", or "1/60" if the decimal fraction would not end.
std::string show_limit(double limit) {
  constexpr double kHundred = 100;
  const double inverse = 1 / limit;
  return limit < 1 && std::round(limit * kHundred) != limit * kHundred ? fmt::format("1/{:.0f}", inverse)
                                                                       : fmt::format("{}", limit);
}

Section block_section(const Json& results) {
  const Json& block = results["block"];
  const Json& samples = block["samples"];
  const double mebibytes = block["mebibytes"];
  Section section;
  section.name = "block";
  section.title = "Block device";
  section.words = fmt::format(
      "A guest goes over a disk of {} MiB from its beginning to its end, so many KiB a call, beside dd with the same "
      "block size on the same file: whole processes, from start to end, nothing synced. {} rounds; medians, and "
      "medians of the ratios of each round.",
      mebibytes, block.value("rounds", 0));
  section.grid.header = {"transfer", "MiB/s", "over dd"};
  for (const Json& one : samples) {
    const std::string name = one["name"];
    const std::string beside = name.substr(0, name.rfind('-')) + "-dd";
    const Json* const dd = find(samples, beside);
    constexpr double kSecond = 1e6;
    const std::vector<double> end = numbers(one["end_us"]);
    section.grid.rows.push_back(
        {label_of(block["systems"], name), show_rate(mebibytes * kSecond / median(end)),
         dd == nullptr ? kNothing : show_ratio(median(pair_ratios(numbers((*dd)["end_us"]), end)))});
  }
  return section;
}

// The aims of the platforms on which the run measured something.
Section aims_section(const Json& results) {
  Section section;
  section.name = "aims";
  section.title = "Aims";
  section.grid.header = {"figure", "aim", "measured", ""};
  const std::vector<Aim> aims = make_aims(results);
  std::vector<std::string> left_out;
  for (const char* const platform : kSets) {
    const auto of_platform = [&](const Aim& aim) { return aim.platform == platform; };
    if (std::none_of(aims.begin(), aims.end(), [&](const Aim& aim) { return of_platform(aim) && aim.value; })) {
      left_out.emplace_back(platform);
      continue;
    }
    for (const Aim& aim : aims) {
      if (!of_platform(aim)) continue;
      section.grid.rows.push_back({fmt::format("{}: {}", platform, aim.figure),
                                   fmt::format("{} {}", aim.at_least ? "at least" : "at most", show_limit(aim.limit)),
                                   aim.value ? show_ratio(*aim.value) : "not measured",
                                   !aim.value  ? kNothing
                                   : aim.met() ? "met"
                                               : "missed"});
    }
  }
  section.words = "What the project set itself, computed from this run.";
  if (!left_out.empty()) section.words += fmt::format(" Nothing was measured on: {}.", join(left_out, ", "));
  if (section.grid.rows.empty()) return {"aims", "Aims", "Not measured.", {}};
  return section;
}

Section micro_section(const Json& results) {
  Section section;
  section.name = "micro";
  section.title = "Single parts";
  section.words = "Google Benchmark's medians.";
  section.grid.header = {"part", "time"};
  // They ran in an order drawn at random.
  const std::map<std::string, double> parts = results["micro"].get<std::map<std::string, double>>();
  for (const auto& [name, nanoseconds] : parts) {
    constexpr double kThousand = 1000;
    section.grid.rows.push_back(
        {name, nanoseconds < kThousand ? fmt::format("{:.1f} ns", nanoseconds) : show_time(nanoseconds / kThousand)});
  }
  return section;
}

// Each reason once, with all systems that are left out for it.
Section left_out_section(const Json& results) {
  Section section;
  section.name = "left-out";
  section.title = "Left out";
  section.grid.header = {"why", "systems"};
  for (const Json& one : results["left_out"]) {
    const std::string reason = one.value("reason", "");
    const std::string label = one.value("label", "");
    auto row = std::find_if(section.grid.rows.begin(), section.grid.rows.end(),
                            [&](const auto& other) { return other[0] == reason; });
    if (row == section.grid.rows.end()) {
      section.grid.rows.push_back({reason, label});
    } else {
      (*row)[1] += ", " + label;
    }
  }
  return section;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe(const Json& results) {
  const Json& host = results["host"];
  const bool virtual_machine = host.value("virtual_machine", false);
  const bool hardware = host.value("hardware_kvm", false);
  std::string kvm = virtual_machine ? (hardware ? "nested: the machine is itself a virtual machine"
                                                : "in a virtual machine that shows neither VT-x nor AMD-V")
                                    : "on the hardware";
  if (!host.value("kvm", true)) kvm = virtual_machine ? "none, in a virtual machine" : "none";
  std::vector<std::pair<std::string, std::string>> lines = {
      {"processor", fmt::format("{}, {} processors", host.value("processor", ""), host.value("processors", 0))},
      {"memory", fmt::format("{:.1f} GiB", host.value("memory_gib", 0.0))},
      {"kernel", fmt::format("Linux {}, preemption {}", host.value("kernel", ""), host.value("preemption", ""))},
      {"KVM", std::move(kvm)},
      {"load average before", fmt::format("{:.2f}", host.value("load_average", 0.0))}};
  if (!results.value("revision", "").empty()) lines.emplace_back("revision", results.value("revision", ""));
  lines.emplace_back("measured",
                     fmt::format("{}{}", results.value("date", ""), results.value("quick", false) ? ", --quick" : ""));
  for (const auto& [name, version] : results["versions"].items()) lines.emplace_back(name, version.get<std::string>());
  return lines;
}

std::vector<Section> make_report(const Json& results) {
  std::vector<Section> sections;
  const auto add = [&](const char* part, const char* name, const auto& make) {
    if (results.contains(part) && !results[part].empty()) {
      sections.push_back(make());
    } else {
      sections.push_back({name, name, results.contains(part) ? "Nothing." : "Not measured.", {}});
    }
  };
  add("host", "host", [&] { return host_section(results); });
  sections.push_back(aims_section(results));
  add("latency", "latency", [&] { return latency_section(results, "latency", "Latency"); });
  add("fetch", "fetch", [&] { return latency_section(results, "fetch", "Latency with a cold page cache"); });
  add("throughput", "throughput", [&] { return throughput_section(results); });
  add("throughput", "closed", [&] { return closed_section(results); });
  add("throughput", "load", [&] { return load_section(results); });
  add("growth", "growth", [&] { return growth_section(results); });
  add("live", "live", [&] { return live_section(results); });
  add("block", "block", [&] { return block_section(results); });
  add("micro", "micro", [&] { return micro_section(results); });
  add("left_out", "left-out", [&] { return left_out_section(results); });
  return sections;
}

}  // namespace spry::bench
