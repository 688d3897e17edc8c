#include "tool/report.h"

#include <algorithm>
#include <optional>

#include "text/format.h"
#include "tool/aims.h"
#include "tool/live.h"
#include "tool/paper.h"
#include "tool/show.h"
#include "tool/statistics.h"

namespace spry::bench {
namespace {

constexpr const char* kNothing = "";

std::vector<double> numbers(const Json& list) { return list.get<std::vector<double>>(); }

const Json* find(const Json& list, const std::string& name) {
  for (const Json& one : list) {
    if (one["name"] == name) return &one;
  }
  return nullptr;
}

std::string label_of(const Json& systems, const std::string& name) {
  const Json* const system = find(systems, name);
  return system == nullptr ? name : system->value("label", name);
}

// "1.34 (1.20-1.50)": the median of the ratios of each round, and their 10th and 90th percentiles.
std::string paired(const Json& samples, const Json* over, const char* key) {
  if (over == nullptr) return kNothing;
  const Summary summary = summarize(pair_ratios(numbers(samples[key]), numbers((*over)[key])));
  return fmt::format("{} ({}-{})", show_ratio(summary.median), show_ratio(summary.p10), show_ratio(summary.p90));
}

Section host_section(const Json& results) {
  const Json& host = results["host"];
  Section section{"host", "Machine", {}, {{"", "value"}, {}}};
  const auto add = [&](std::string name, std::string value) {
    section.grid.rows.push_back({std::move(name), std::move(value)});
  };
  add("processor", fmt::format("{}, {} processors", host.value("processor", ""), host.value("processors", 0)));
  add("memory", fmt::format("{:.1f} GiB", host.value("memory_gib", 0.0)));
  add("kernel", fmt::format("Linux {}, preemption {}", host.value("kernel", ""), host.value("preemption", "")));
  const bool virtual_machine = host.value("virtual_machine", false);
  const bool hardware = host.value("hardware_kvm", false);
  add("KVM", virtual_machine ? (hardware ? "nested: the machine is itself a virtual machine"
                                         : "in a virtual machine that shows neither VT-x nor AMD-V")
                             : "on the hardware");
  add("load average before", fmt::format("{:.2f}", host.value("load_average", 0.0)));
  if (!results.value("revision", "").empty()) add("revision", results.value("revision", ""));
  add("measured", fmt::format("{}{}", results.value("date", ""), results.value("quick", false) ? ", --quick" : ""));
  for (const auto& [name, version] : results["versions"].items()) add(name, version.get<std::string>());
  return section;
}

// The median of a list that only processes have.
std::string used(const Json& sample, const char* key, std::string (*show)(double)) {
  const std::vector<double> list = numbers(sample.value(key, Json::array()));
  return list.empty() ? kNothing : show(median(list));
}

Section latency_section(const Json& results, const std::string& part, std::string title) {
  const Json& latency = results[part];
  const Json& samples = latency["samples"];
  const bool fetch = part == "fetch";
  const Json* const echo = find(samples, fetch ? "echo-fetch" : "echo");
  const Json* const floor = find(samples, "floor");
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
  if (!fetch) section.grid.header.insert(section.grid.header.end(), {"over the floor", "paper, over echo"});
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

// The highest sustained rate at which 99 of 100 said Hello within 100 ms.
std::string fast_up_to(const Json& system) {
  constexpr double kLimit = 100'000;
  double rate = 0;
  for (const Json& step : system["open"]) {
    if (percentile_at(step, "hello_us_percentiles", 99) > kLimit || !step.value("sustained", false)) continue;
    rate = std::max(rate, step.value("arrived", 0.0));
  }
  return rate == 0 ? "never" : show_rate(rate);
}

// The rate at which most ended.
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
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Json& point = points[i];
      const bool last = i + 1 == points.size();
      section.grid.rows.push_back({i == 0 ? series.value("title", "") : "",
                                   fmt::format("{} {}", point.value("x", 0.0), i == 0 ? series.value("axis", "") : ""),
                                   show_time(median(numbers(point["hello_us"]))),
                                   show_time(median(numbers(point["end_us"]))),
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
    const bool any = one.value("machines", 0) > 0;
    section.grid.rows.push_back({fmt::format("{}", one.value("machines", 0)),
                                 show_time(median(numbers(one["hello_us"]))), show_time(median(numbers(one["end_us"]))),
                                 show_time(median(numbers(one["faults_us"]))),
                                 any ? fmt::format("{:.0f}", one.value("memory_kib", 0.0)) : kNothing,
                                 any ? fmt::format("{:.0f}", one.value("snapshot_memory_kib", 0.0)) : kNothing});
  }
  return section;
}

Section aims_section(const Json& results) {
  Section section;
  section.name = "aims";
  section.title = "Aims";
  section.words = "What the project set itself, computed from this run.";
  section.grid.header = {"figure", "aim", "measured", ""};
  for (const Aim& aim : make_aims(results)) {
    section.grid.rows.push_back({aim.figure, fmt::format("{} {}", aim.at_least ? "at least" : "at most", aim.limit),
                                 aim.value ? show_ratio(*aim.value) : "not measured",
                                 !aim.value  ? kNothing
                                 : aim.met() ? "met"
                                             : "missed"});
  }
  return section;
}

Section micro_section(const Json& results) {
  Section section;
  section.name = "micro";
  section.title = "Single parts";
  section.words = "Google Benchmark's medians.";
  section.grid.header = {"part", "time"};
  for (const auto& [name, time] : results["micro"].items()) {
    constexpr double kThousand = 1000;
    const double nanoseconds = time.get<double>();
    section.grid.rows.push_back(
        {name, nanoseconds < kThousand ? fmt::format("{:.1f} ns", nanoseconds) : show_time(nanoseconds / kThousand)});
  }
  return section;
}

Section left_out_section(const Json& results) {
  Section section;
  section.name = "left-out";
  section.title = "Left out";
  section.grid.header = {"system", "why"};
  for (const Json& one : results["left_out"]) {
    section.grid.rows.push_back({one.value("label", ""), one.value("reason", "")});
  }
  return section;
}

}  // namespace

std::vector<Section> make_report(const Json& results) {
  std::vector<Section> sections = {host_section(results)};
  const auto add = [&](const char* part, const char* name, const auto& make) {
    if (results.contains(part) && !results[part].empty()) {
      sections.push_back(make());
    } else {
      sections.push_back({name, name, results.contains(part) ? "Nothing." : "Not measured.", {}});
    }
  };
  sections.push_back(aims_section(results));
  add("latency", "latency", [&] { return latency_section(results, "latency", "Latency"); });
  add("fetch", "fetch", [&] { return latency_section(results, "fetch", "Latency with a cold page cache"); });
  add("throughput", "throughput", [&] { return throughput_section(results); });
  add("throughput", "closed", [&] { return closed_section(results); });
  add("throughput", "load", [&] { return load_section(results); });
  add("growth", "growth", [&] { return growth_section(results); });
  add("live", "live", [&] { return live_section(results); });
  add("micro", "micro", [&] { return micro_section(results); });
  add("left_out", "left-out", [&] { return left_out_section(results); });
  return sections;
}

}  // namespace spry::bench
