#include "tool/figures.h"

#include <algorithm>
#include <string>

#include "text/format.h"
#include "tool/live.h"
#include "tool/lookup.h"
#include "tool/names.h"
#include "tool/paper.h"
#include "tool/show.h"
#include "tool/statistics.h"

namespace spry::bench {
namespace {

constexpr double kThousand = 1000;
constexpr int kSmall = 380;  // pixels
constexpr int kTall = 640;

Figure latency_figure(const Json& results) {
  const Json& latency = results["latency"];
  BarPlot bars{
      "latency", "From the invocation to Hello received: median, 10th and 90th percentile", {"milliseconds"}, {}, {}};
  for (const Json& one : latency["samples"]) {
    const std::string name = one["name"];
    const Summary hello = summarize(numbers(one["hello_us"]));
    Bar bar{label_of(latency["systems"], name),
            bar_colour(name),
            hello.median / kThousand,
            show_time(hello.median),
            hello.p10 / kThousand,
            hello.p90 / kThousand};
    if (const PaperFigure* const paper = paper_figure(name)) {
      bar.paper = paper->latency_ms;
      bar.paper_text = fmt::format("{} in the paper: {} ms", paper->label, paper->latency_ms);
    }
    bars.bars.push_back(std::move(bar));
  }
  return plot(bars);
}

Figure throughput_figure(const Json& results) {
  const Json& throughput = results["throughput"];
  const double line = throughput["break_even"];
  BarPlot bars{"throughput",
               "Most actions a second, open system",
               {"actions a second"},
               {},
               Limit{fmt::format("what pays for the machine: {}/s", show_rate(line)), line}};
  for (const Json& one : throughput["systems"]) {
    const std::string name = one["name"];
    const double maximum = one["maximum"];
    Bar bar{label_of(throughput["labels"], name), bar_colour(name), maximum, show_rate(maximum)};
    if (const PaperFigure* const paper = paper_figure(name); paper != nullptr && paper->maximum > 0) {
      bar.paper = paper->maximum;
      bar.paper_text = fmt::format("{} in the paper: {}", paper->label, paper->maximum);
    }
    bars.bars.push_back(std::move(bar));
  }
  return plot(bars);
}

// Latency goes across and load upwards, so that the lines end one above the other, each at the system's highest load.
Figure load_figure(const Json& results) {
  const Json& throughput = results["throughput"];
  constexpr double kLimit = 100;
  LinePlot lines{"load",
                 "How many arrive a second, and how long until Hello, open system",
                 {"milliseconds from the arrival to Hello, median"},
                 {"actions a second that arrive"},
                 {},
                 Limit{"100 ms", kLimit},
                 kTall};
  for (const Json& one : throughput["systems"]) {
    const std::string name = one["name"];
    Line line{label_of(throughput["labels"], name), style_of(name), {}};
    for (const Json& step : one["open"]) {
      const Json& hello = step["hello_us_percentiles"];
      constexpr std::size_t kMedian = 50;
      if (hello.size() <= kMedian) continue;
      line.points.push_back({hello[kMedian].get<double>() / kThousand, step["arrived"].get<double>()});
    }
    if (!line.points.empty()) lines.lines.push_back(std::move(line));
  }
  return plot(lines);
}

// "input, KiB" becomes "input" with ticks such as "64 KiB" and "4 MiB".
Axis growth_axis(const std::string& title, const std::vector<double>& values) {
  Axis axis{title};
  const std::size_t comma = title.rfind(", ");
  const std::string unit = comma == std::string::npos ? "" : title.substr(comma + 2);
  const std::vector<std::string> units = {"KiB", "MiB", "GiB"};
  const auto found = std::find(units.begin(), units.end(), unit);
  if (found != units.end()) axis.title = title.substr(0, comma);
  for (const double value : values) {
    double shown = value;
    auto by = found;
    constexpr double kNext = 1024;
    while (by != units.end() && by + 1 != units.end() && shown >= kNext) {
      shown /= kNext;
      ++by;
    }
    axis.ticks.push_back({show_amount(shown) + (by == units.end() ? "" : " " + *by), value});
  }
  return axis;
}

// The name that several series share if they are drawn together: the same growth of several systems.
std::string group_of(const Json& series) { return series.value("group", series.value("name", "")); }

// The style of the line to the end, which is less important than the line to Hello.
Style to_the_end(Style style) { return {"#999999", style.mark, "(2,5)"}; }

Figure growth_figure(const Json& all, const std::string& group) {
  std::vector<double> values;
  LinePlot lines{"growth-" + group, {}, {}, {"milliseconds"}, {}, {}, kSmall};
  for (const Json& series : all) {
    if (group_of(series) != group) continue;
    if (lines.title.empty()) lines.title = series.value("title", "");
    const std::string system = series.value("system", "spry");
    const std::string label = series.value("label", "");
    Line hello{label.empty() ? "to Hello" : label + ", to Hello", style_of(system), {}};
    Line end{label.empty() ? "to the end" : label + ", to the end", to_the_end(style_of(system)), {}};
    for (const Json& point : series["points"]) {
      const double x = point["x"];
      const Summary summary = summarize(numbers(point["hello_us"]));
      hello.points.push_back({x, summary.median / kThousand, summary.p10 / kThousand, summary.p90 / kThousand});
      end.points.push_back({x, median(numbers(point["end_us"])) / kThousand});
      if (std::find(values.begin(), values.end(), x) == values.end()) values.push_back(x);
    }
    lines.lines.push_back(std::move(hello));
    lines.lines.push_back(std::move(end));
  }
  std::sort(values.begin(), values.end());
  lines.across = growth_axis(all[0].value("axis", ""), values);
  for (const Json& series : all) {
    if (group_of(series) == group) lines.across = growth_axis(series.value("axis", ""), values);
  }
  return plot(lines);
}

// A cold hello, and page faults of the launcher itself, while other machines are alive.
Figure live_figure(const Json& live) {
  LinePlot lines{"growth-live",
                 "One more machine in-process, to Hello, and page faults beside live machines",
                 {"live machines", false},
                 {"milliseconds"},
                 {},
                 {},
                 kSmall};
  for (const bool process : {false, true}) {
    const std::string of = process ? " (process)" : "";
    Line hello{"one more machine" + of, style_of(process ? "cold-process" : "cold"), {}};
    Line faults{fmt::format("{} copy-on-write faults{}", kLiveFaults, of), style_of(process ? "static" : "echo"), {}};
    for (const Json& one : live) {
      if ((one.value("platform", "kvm") == "process") != process) continue;
      const Summary summary = summarize(numbers(one["hello_us"]));
      const double machines = one["machines"];
      hello.points.push_back({machines, summary.median / kThousand, summary.p10 / kThousand, summary.p90 / kThousand});
      faults.points.push_back({machines, median(numbers(one["faults_us"])) / kThousand});
    }
    if (hello.points.empty()) continue;
    lines.lines.push_back(std::move(hello));
    lines.lines.push_back(std::move(faults));
  }
  return plot(lines);
}

}  // namespace

std::vector<Figure> make_figures(const Json& results) {
  std::vector<Figure> figures;
  if (has(results, "latency") && !results["latency"]["samples"].empty()) figures.push_back(latency_figure(results));
  if (has(results, "throughput") && !results["throughput"]["systems"].empty()) {
    figures.push_back(throughput_figure(results));
    figures.push_back(load_figure(results));
  }
  if (has(results, "growth")) {
    std::vector<std::string> drawn;
    for (const Json& series : results["growth"]) {
      const std::string group = group_of(series);
      if (std::find(drawn.begin(), drawn.end(), group) != drawn.end()) continue;
      drawn.push_back(group);
      figures.push_back(growth_figure(results["growth"], group));
    }
  }
  if (has(results, "live")) figures.push_back(live_figure(results["live"]));
  return figures;
}

}  // namespace spry::bench
