#include "tool/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "text/format.h"
#include "text/join.h"
#include "tool/show.h"
#include "tool/spread.h"

namespace spry::bench {
namespace {

constexpr int kWidth = 960;
constexpr int kTop = 56;     // pixels above the axes, for the title
constexpr int kBottom = 56;  // and below them

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

std::string quote(std::string_view text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') result += '\\';
    result += character;
  }
  return result + "\"";
}

// 1, 2 and 5 times the powers of ten that the range needs, or only the powers if there are many of these.
std::vector<Tick> logarithmic_ticks(const Range& range) {
  constexpr double kMany = 2.5;
  const bool many = std::log10(range.high / range.low) > kMany;
  std::vector<Tick> ticks;
  const auto last = static_cast<int>(std::ceil(std::log10(range.high)));
  for (int power = static_cast<int>(std::floor(std::log10(range.low))); power <= last; ++power) {
    for (const int digit : {1, 2, 5}) {
      // Parsed from its digits, because a product would be rounded.
      const double at = std::stod(fmt::format("{}e{}", digit, power));
      constexpr double kRounding = 1e-9;
      if (at < range.low * (1 - kRounding) || at > range.high * (1 + kRounding) || (many && digit != 1)) continue;
      ticks.push_back({show_amount(at), at});
    }
  }
  return ticks;
}

// The next number, upwards or downwards, that is 1, 2 or 5 times a power of ten.
double round_out(double value, bool up) {
  const int power = static_cast<int>(std::floor(std::log10(value)));
  double best = 0;
  for (int step = power; step <= power + 1; ++step) {
    for (const int digit : {1, 2, 5}) {
      const double at = std::stod(fmt::format("{}e{}", digit, step));
      if (up && at >= value) return at;
      if (!up && at <= value) best = at;
    }
  }
  return best;
}

// The range to draw. A logarithmic range has at least one decade, so that values which hardly differ look alike.
Range rounded(const Range& range, bool logarithmic) {
  if (!logarithmic) return {std::min(0.0, range.low), range.high};
  Range wide = {round_out(range.low, false), round_out(range.high, true)};
  constexpr double kDecade = 10;
  constexpr double kBeyond = 1.01;
  while (wide.high / wide.low < kDecade / kBeyond) {
    wide.low = round_out(wide.low / kBeyond, false);
    wide.high = round_out(wide.high * kBeyond, true);
  }
  return wide;
}

std::string ticks_of(const Axis& axis, const Range& range) {
  std::vector<Tick> ticks = axis.ticks;
  if (ticks.empty() && axis.logarithmic) ticks = logarithmic_ticks(range);
  if (ticks.empty()) return "";
  std::vector<std::string> words;
  for (const Tick& tick : ticks) words.push_back(fmt::format("{} {}", quote(tick.text), tick.at));
  return fmt::format(" ({})", join(words, ", "));
}

// The beginning of each script: a title at the left, and axes in grey.
std::string beginning(const std::string& title, int height) {
  return fmt::format(R"gnuplot(set border 3 lc rgb "#888888"
set tics nomirror textcolor rgb "#333333"
set mxtics default
unset key
set tmargin at screen {}
set bmargin at screen {}
set label {} at screen 0.02, screen {} left noenhanced font ",16" textcolor rgb "#111111"
)gnuplot",
                     1 - static_cast<double>(kTop) / height, static_cast<double>(kBottom) / height, quote(title),
                     1 - 22.0 / height);
}

std::string limit_across(const std::optional<Limit>& limit) {
  if (!limit) return "";
  return fmt::format(R"gnuplot(set arrow from {0}, graph 0 to {0}, graph 1 nohead back lw 1.5 dt (6,4) lc rgb "#cc3311"
set label {1} at {0}, graph 1 center offset 0, 0.7 noenhanced textcolor rgb "#cc3311"
)gnuplot",
                     limit->at, quote(limit->text));
}

// The names of the lines beside their ends, each with what its line looks like.
std::string names_at_ends(const LinePlot& plot, const Range& upward) {
  constexpr double kLineHeight = 18;
  const bool logarithmic = plot.upward.logarithmic;
  const auto scale = [&](double y) { return logarithmic ? std::log10(y) : y; };
  const auto unscale = [&](double height) { return logarithmic ? std::pow(10, height) : height; };
  const double low = scale(upward.low);
  const double high = scale(upward.high);
  std::vector<double> ends;
  ends.reserve(plot.lines.size());
  for (const Line& line : plot.lines) ends.push_back(scale(line.points.back().y));
  const std::vector<double> places =
      spread(ends, kLineHeight * (high - low) / (plot.height - kTop - kBottom), low, high);
  std::string script;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Line& line = plot.lines[i];
    const double y = unscale(places[i]);
    script += fmt::format(
        R"gnuplot(set arrow from {0}, {1} to graph 1.03, first {2} nohead lw 0.6 lc rgb "{3}"
set arrow from graph 1.03, first {2} to graph 1.1, first {2} nohead lw 2 lc rgb "{3}" dt {5}
set label "" at graph 1.065, first {2} point pt {4} ps 1 lc rgb "{3}"
set label {6} at graph 1.112, first {2} left noenhanced textcolor rgb "#222222"
)gnuplot",
        line.points.back().x, line.points.back().y, y, line.style.colour, line.style.mark, line.style.dash,
        quote(line.label));
  }
  return script;
}

std::string axis(char name, const Axis& axis, const Range& range) {
  return fmt::format(R"gnuplot({0}set {1}range [{2}:{3}]
set {1}tics{4}
set {1}label {5} noenhanced textcolor rgb "#333333"
)gnuplot",
                     axis.logarithmic ? fmt::format("set logscale {}\n", name) : "", name, range.low, range.high,
                     ticks_of(axis, range), quote(axis.title));
}

}  // namespace

Figure plot(const LinePlot& plot) {
  Range across;
  Range upward;
  std::string data;
  std::vector<std::string> plots;
  for (const Line& line : plot.lines) {
    const std::string block = fmt::format("$line{}", plots.size());
    data += block + " << EOD\n";
    bool ranged = false;
    for (const LinePoint& point : line.points) {
      across.take(point.x);
      for (const double y : {point.y, point.low, point.high}) {
        if (y > 0) upward.take(y);
      }
      ranged = ranged || point.high > 0;
      data += fmt::format("{} {} {} {}\n", point.x, point.y, point.low, point.high);
    }
    data += "EOD\n";
    std::string drawn;
    if (ranged)
      drawn = fmt::format("{} using 1:2:3:4 with yerrorbars pt 0 lw 1 lc rgb \"{}\", ", block, line.style.colour);
    plots.push_back(drawn + fmt::format("{} using 1:2 with linespoints lw 2 lc rgb \"{}\" dt {} pt {} ps 0.9", block,
                                        line.style.colour, line.style.dash, line.style.mark));
  }
  upward = rounded(upward, plot.upward.logarithmic);
  // Given ticks are the values themselves, so the axis ends at them.
  if (plot.across.ticks.empty()) across = rounded(across, plot.across.logarithmic);
  return {plot.name,
          data + beginning(plot.title, plot.height) + axis('x', plot.across, across) + axis('y', plot.upward, upward) +
              limit_across(plot.limit) + names_at_ends(plot, upward) +
              fmt::format(R"gnuplot(set lmargin at screen 0.09
set rmargin at screen 0.7
set grid xtics ytics lt 1 lw 0.5 lc rgb "#e4e4e4"
plot {}
)gnuplot",
                          join(plots, ", \\\n     ")),
          kWidth, plot.height};
}

Figure plot(const BarPlot& plot) {
  constexpr int kRow = 24;
  constexpr double kPaperRow = 0.7;  // a bar of the paper's, under the bar of our system
  constexpr double kHalf = 0.36;
  constexpr double kPaperHalf = 0.2;
  std::string bars;
  std::string ranges;
  std::string paper;
  std::string names;
  std::string texts;
  Range across;
  double y = 0;
  for (const Bar& bar : plot.bars) {
    for (const double value : {bar.value, bar.low, bar.high, bar.paper}) {
      if (value > 0) across.take(value);
    }
  }
  if (plot.limit) across.take(plot.limit->at);
  across = rounded(across, true);
  // Makes the shortest bar visible, and leaves room for the text of the longest one.
  across.low /= 2;
  for (const Bar& bar : plot.bars) {
    const auto text = [&](const std::string& words, double at, double height, const char* colour) {
      texts += fmt::format("set label {} at {}, {} left offset 0.9, 0 noenhanced front boxed textcolor rgb \"{}\"\n",
                           quote(words), at, height, colour);
    };
    bars += fmt::format("{} {} {} {} {} {} 0x{}\n", bar.value, y, across.low, bar.value, y - kHalf, y + kHalf,
                        bar.colour.substr(1));
    if (bar.high > 0) ranges += fmt::format("{} {} {} {}\n", bar.value, y, bar.low, bar.high);
    names += fmt::format("{}{} {}", names.empty() ? "" : ", ", quote(bar.label), y);
    text(bar.text, std::max(bar.value, bar.high), y, "#222222");
    if (bar.paper > 0) {
      y += kPaperRow;
      constexpr double kNear = 0.08;
      const double centre = y - kNear;
      paper += fmt::format("{} {} {} {} {} {}\n", bar.paper, centre, across.low, bar.paper, centre - kPaperHalf,
                           centre + kPaperHalf);
      text(bar.paper_text, bar.paper, centre, "#7a6a10");
    }
    y += 1;
  }
  std::string data;
  std::vector<std::string> plots;
  const auto add = [&](const char* block, const std::string& rows, const char* how) {
    if (rows.empty()) return;
    data += fmt::format("{} << EOD\n{}EOD\n", block, rows);
    plots.push_back(fmt::format("{} {}", block, how));
  };
  add("$bars", bars, "using 1:2:3:4:5:6:7 with boxxyerror fs solid 1 noborder lc rgb variable");
  add("$ranges", ranges, "with xerrorbars pt 0 lw 1.2 lc rgb \"#222222\"");
  add("$paper", paper, "with boxxyerror fs solid 1 noborder lc rgb \"#ddcc77\"");
  std::size_t longest = 0;
  for (const Bar& bar : plot.bars) longest = std::max(longest, bar.label.size());
  constexpr double kCharacter = 6.7;  // pixels
  constexpr double kGap = 20;
  const int height = kTop + kBottom + static_cast<int>(kRow * (y + 0.2));
  return {plot.name,
          data + beginning(plot.title, height) + axis('x', plot.across, across) + limit_across(plot.limit) + texts +
              fmt::format(R"gnuplot(set border 2
set lmargin at screen {}
set rmargin at screen 0.74
set style textbox opaque noborder margins 0.5, 0.3 fillcolor rgb "white"
set yrange [{}:-0.6]
set ytics scale 0 ({}) noenhanced
set grid xtics lt 1 lw 0.5 lc rgb "#e4e4e4"
plot {}
)gnuplot",
                          (static_cast<double>(longest) * kCharacter + kGap) / kWidth, y - 0.4, names,
                          join(plots, ", \\\n     ")),
          kWidth, height};
}

}  // namespace spry::bench
