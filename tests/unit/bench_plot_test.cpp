#include <set>
#include <tuple>

#include "tool/names.h"
#include "tool/plot.h"
#include "tool/show.h"
#include "tool/spread.h"

namespace spry::bench {
namespace {

TEST(Spread, LeavesWhatIsFarEnoughApart) {
  EXPECT_EQ(spread({30, 10, 20}, 5, 0, 100), (std::vector<double>{30, 10, 20}));
  EXPECT_EQ(spread({}, 5, 0, 100), std::vector<double>{});
}

TEST(Spread, MovesNeighboursApartByTheSame) {
  EXPECT_EQ(spread({50, 50}, 10, 0, 100), (std::vector<double>{45, 55}));
  EXPECT_EQ(spread({52, 50, 51, 90}, 10, 0, 100), (std::vector<double>{61, 41, 51, 90}));
}

TEST(Spread, StaysWithinItsBounds) {
  EXPECT_EQ(spread({0, 0, 0}, 10, 0, 100), (std::vector<double>{0, 10, 20}));
  EXPECT_EQ(spread({100, 100}, 10, 0, 100), (std::vector<double>{90, 100}));
  EXPECT_EQ(spread({1, 2, 3}, 80, 0, 100), (std::vector<double>{0, 50, 100}));
}

const std::vector<std::string> kLines = {"echo",      "static",         "spry",         "spry-process",
                                         "cold",      "cold-process",   "spry-console", "spry-console-process",
                                         "shell",     "shell-process",  "machine",      "machine-process",
                                         "pooled",    "pooled-process", "runc",         "runc-overlay",
                                         "crun",      "podman",         "docker",       "solo5-hvt",
                                         "solo5-spt", "floor",          "kvm-run",      "notification",
                                         "least-kept"};

TEST(Styles, AreOneForEachSystem) {
  std::set<std::tuple<std::string_view, int, std::string_view>> styles;
  for (const std::string& name : kLines) {
    const Style style = style_of(name);
    styles.insert({style.colour, style.mark, style.dash});
  }
  EXPECT_EQ(styles.size(), kLines.size());
}

TEST(Styles, OfAPlatformsSystemsShareTheColour) {
  EXPECT_EQ(style_of("spry").colour, style_of("spry-process").colour);
  EXPECT_NE(style_of("spry").mark, style_of("spry-process").mark);
  EXPECT_NE(style_of("spry").dash, style_of("spry-process").dash);
  EXPECT_NE(bar_colour("spry"), bar_colour("spry-process"));
}

TEST(Names, TellThePlatform) {
  EXPECT_EQ(kind_of("snapshot-8m"), Kind::kSpryKvm);
  EXPECT_EQ(kind_of("snapshot-8m-process"), Kind::kSpryProcess);
  EXPECT_EQ(kind_of("runc-overlay"), Kind::kContainer);
  EXPECT_EQ(kind_of("least-kept"), Kind::kFloor);
  EXPECT_EQ(base_name("cold-process"), "cold");
  EXPECT_EQ(base_name("cold"), "cold");
}

TEST(Show, GroupsThousands) {
  EXPECT_EQ(show_amount(0.05), "0.05");
  EXPECT_EQ(show_amount(100), "100");
  EXPECT_EQ(show_amount(10000), "10,000");
  EXPECT_EQ(show_amount(1234567), "1,234,567");
}

TEST(Plot, NamesEachLineAtItsEnd) {
  const Figure figure = plot(LinePlot{
      "a",
      "A \"title\"",
      {"x", false},
      {"y"},
      {{"first", style_of("echo"), {{0, 1}, {10, 2}}}, {"second", style_of("spry"), {{0, 3, 2, 4}, {10, 30, 20, 40}}}},
      {},
      400});
  EXPECT_NE(figure.script.find("set arrow from 10, 30 to graph 1.03"), std::string::npos) << figure.script;
  EXPECT_NE(figure.script.find("set label \"second\""), std::string::npos);
  EXPECT_NE(figure.script.find("set label \"A \\\"title\\\"\""), std::string::npos);
  EXPECT_NE(figure.script.find("set yrange [1:50]"), std::string::npos);
}

TEST(Plot, IsHigherForMoreBars) {
  const Bar bar{"one", "#000000", 1, "1"};
  EXPECT_GT(plot(BarPlot{"a", "A", {"x"}, {bar, bar}}).height, plot(BarPlot{"a", "A", {"x"}, {bar}}).height);
}

}  // namespace
}  // namespace spry::bench
