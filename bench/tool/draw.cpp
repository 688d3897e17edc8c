#include "tool/draw.h"

#include <sys/wait.h>

#include <filesystem>

#include "text/format.h"
#include "text/join.h"
#include "tool/folder.h"
#include "tool/live.h"
#include "tool/paper.h"
#include "tool/process.h"
#include "tool/statistics.h"

namespace spry::bench {
namespace {

std::string label_of(const Json& systems, const std::string& name) {
  for (const Json& system : systems) {
    if (system["name"] == name) return system.value("label", name);
  }
  return name;
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

constexpr const char* kMeasuredColour = "#4477aa";
constexpr const char* kPaperColour = "#ccbb44";

// Boxes side by side, what was measured and what the paper has.
constexpr const char* kBars = R"(set logscale y
set style fill solid 0.9 noborder
set boxwidth 0.38
set xtics rotate by -30 left noenhanced
set grid ytics
set key outside top center horizontal
)";

Figure latency_figure(const Json& results) {
  const Json& latency = results["latency"];
  std::string data = "$data << EOD\n";
  std::size_t count = 0;
  for (const Json& one : latency["samples"]) {
    const std::string name = one["name"];
    const Summary hello = summarize(one["hello_us"].get<std::vector<double>>());
    const PaperFigure* const paper = paper_figure(name);
    constexpr double kThousand = 1000;
    data += fmt::format("{} {} {} {} {}\n", quoted(label_of(latency["systems"], name)), hello.median / kThousand,
                        hello.p10 / kThousand, hello.p90 / kThousand,
                        paper == nullptr ? "NaN" : fmt::format("{}", paper->latency_ms));
    ++count;
  }
  data += "EOD\n";
  return {"latency",
          data + kBars +
              fmt::format(R"gnuplot(set title "From the invocation to Hello received: median, 10th and 90th percentile"
set ylabel "milliseconds"
set xrange [-0.6:{}]
plot $data using 0:2:3:4:(0.38):xtic(1) with boxerrorbars lc rgb "{}" title "measured", \
     $data using ($0+0.38):5 with boxes lc rgb "{}" title "the paper (its machine, its systems)"
)gnuplot",
                          static_cast<double>(count), kMeasuredColour, kPaperColour)};
}

Figure throughput_figure(const Json& results) {
  const Json& throughput = results["throughput"];
  std::string data = "$data << EOD\n";
  for (const Json& one : throughput["systems"]) {
    const std::string name = one["name"];
    const PaperFigure* const paper = paper_figure(name);
    data += fmt::format("{} {} {}\n", quoted(label_of(throughput["labels"], name)), one["maximum"].get<double>(),
                        paper == nullptr || paper->maximum == 0 ? "NaN" : fmt::format("{}", paper->maximum));
  }
  data += "EOD\n";
  return {"throughput", data + kBars +
                            fmt::format(R"gnuplot(set title "Most actions a second, open system"
set ylabel "actions a second"
set xrange [-0.6:{}]
plot $data using 0:2:xtic(1) with boxes lc rgb "{}" title "measured", \
     $data using ($0+0.38):3 with boxes lc rgb "{}" title "the paper (its machine, its systems)", \
     {} with lines lc rgb "#cc3311" dt 2 title "what pays for the machine"
)gnuplot",
                                        static_cast<double>(throughput["systems"].size()), kMeasuredColour,
                                        kPaperColour, throughput["break_even"].get<double>())};
}

Figure load_figure(const Json& results) {
  const Json& throughput = results["throughput"];
  std::string data;
  std::vector<std::string> plots;
  for (const Json& one : throughput["systems"]) {
    const std::string block = fmt::format("$load{}", plots.size());
    data += block + " << EOD\n";
    for (const Json& step : one["open"]) {
      const Json& hello = step["hello_us_percentiles"];
      if (hello.size() <= 90) continue;
      data += fmt::format("{} {}\n", step["arrived"].get<double>(), hello[50].get<double>() / 1000);
    }
    data += "EOD\n";
    plots.push_back(fmt::format("{} using 1:2 with linespoints lw 2 pt 7 ps 0.6 title {} noenhanced", block,
                                quoted(label_of(throughput["labels"], one["name"]))));
  }
  return {"load", data + fmt::format(R"gnuplot(set logscale xy
set grid
set key outside right
set title "Median latency against offered load, open system"
set xlabel "actions a second that arrive"
set ylabel "milliseconds from the arrival to Hello"
plot {}, \
     100 with lines lc rgb "#cc3311" dt 2 title "100 ms"
)gnuplot",
                                     join(plots, ", \\\n     "))};
}

Figure growth_figure(const Json& series) {
  std::string data = "$data << EOD\n";
  for (const Json& point : series["points"]) {
    const Summary hello = summarize(point["hello_us"].get<std::vector<double>>());
    data += fmt::format("{} {} {} {} {}\n", point["x"].get<double>(), hello.median, hello.p10, hello.p90,
                        median(point["end_us"].get<std::vector<double>>()));
  }
  data += "EOD\n";
  return {fmt::format("growth-{}", series.value("name", "")),
          data + fmt::format(R"gnuplot(set logscale xy
set grid
set key top left
set title {} noenhanced
set xlabel {}
set ylabel "microseconds"
set yrange [100:*]
plot $data using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.6 lc rgb "{}" title "to Hello", \
     $data using 1:5 with linespoints lw 1 pt 6 ps 0.6 lc rgb "#888888" title "to the end"
)gnuplot",
                             quoted(series.value("title", "")), quoted(series.value("axis", "")), kMeasuredColour)};
}

// The live machines as a series, with the faults as its second line.
Figure live_figure(const Json& live) {
  std::string data = "$data << EOD\n";
  for (const Json& one : live) {
    const Summary hello = summarize(one["hello_us"].get<std::vector<double>>());
    data += fmt::format("{} {} {} {} {}\n", one["machines"].get<double>(), hello.median, hello.p10, hello.p90,
                        median(one["faults_us"].get<std::vector<double>>()));
  }
  data += "EOD\n";
  return {"growth-live", data + fmt::format(R"gnuplot(set logscale y
set grid
set key top left
set title "in-process hello and page faults beside live machines"
set xlabel "live machines"
set ylabel "microseconds"
plot $data using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.6 lc rgb "{}" title "one more machine, to Hello", \
     $data using 1:5 with linespoints lw 1 pt 6 ps 0.6 lc rgb "#888888" title "{} copy-on-write faults"
)gnuplot",
                                            kMeasuredColour, kLiveFaults)};
}

}  // namespace

std::vector<Figure> make_figures(const Json& results) {
  std::vector<Figure> figures;
  if (results.contains("latency")) figures.push_back(latency_figure(results));
  if (results.contains("throughput")) {
    figures.push_back(throughput_figure(results));
    figures.push_back(load_figure(results));
  }
  if (results.contains("growth")) {
    for (const Json& series : results["growth"]) figures.push_back(growth_figure(series));
  }
  if (results.contains("live") && !results["live"].empty()) figures.push_back(live_figure(results["live"]));
  return figures;
}

Result<void> draw(const std::vector<Figure>& figures, const std::string& folder) {
  constexpr Nanoseconds kPatience = std::chrono::seconds(60);
  const std::string gnuplot = find_program("gnuplot");
  if (gnuplot.empty()) return fail(ErrorCode::kNotFound, "gnuplot is not there: no figures");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::kMonitor, fmt::format("{}: {}", folder, error.message()));
  const Result<Folder> scratch = Folder::make();
  if (!scratch) return tl::unexpected(scratch.error());
  for (const Figure& figure : figures) {
    const bool small = figure.name.starts_with("growth");
    const std::string size = small ? "560,360" : "960,540";
    const std::string file = *scratch / (figure.name + ".gp");
    // The data first, so that both terminals plot the same blocks.
    const std::string script = fmt::format(
        "{0}\nset terminal svg size {1} background rgb \"white\"\nset output {2}\nreplot\nset terminal pngcairo size "
        "{1}\nset output {3}\nreplot\n",
        "set terminal unknown\n" + figure.script, size, quoted(folder + "/" + figure.name + ".svg"),
        quoted(folder + "/" + figure.name + ".png"));
    const Result<void> written = write_file(file, script);
    if (!written) return written;
    const Result<Captured> captured = capture({gnuplot, file}, kPatience);
    if (!captured) return tl::unexpected(captured.error());
    if (!WIFEXITED(captured->status) || WEXITSTATUS(captured->status) != 0) {
      return fail(ErrorCode::kMonitor, fmt::format("gnuplot: {}: {}", figure.name, captured->output));
    }
  }
  return {};
}

}  // namespace spry::bench
