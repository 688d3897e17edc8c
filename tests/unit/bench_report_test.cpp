#include "tool/aims.h"
#include "tool/document.h"
#include "tool/figures.h"
#include "tool/report.h"

namespace spry::bench {
namespace {

// Results as a run of everything leaves them, with two systems.
Json sample_results() {
  const auto latency = [](const char* name, double time) {
    return to_json(LatencySamples{name, {time, time, 2 * time}, {time + 100, time + 100, 2 * time}, {{40, 800}}, {}});
  };
  const auto throughput = [](const char* name, double maximum) {
    LoadResult step;
    step.offered = step.arrived = step.achieved = maximum;
    step.due = step.ended = 100;
    step.hello = step.end = {1000, 2000, 3000};
    step.lag = {1, 2, 3};
    step.busy = 0.5;
    step.processor_time = 1e6 * step.busy / maximum;
    ThroughputResult result;
    result.name = name;
    result.climb = {{step}, maximum, true, false};
    result.at_90 = step;
    result.closed.push_back({1, maximum / 2, 0, {}, {1}, {2}});
    result.closed.push_back({4, maximum, 0, {}, {1}, {2}});
    return to_json(result);
  };
  const Json systems = {{{"name", "echo"}, {"label", "/bin/echo"}, {"how", "/bin/echo Hello"}},
                        {{"name", "spry"}, {"label", "spry run"}, {"how", "spry run hello"}}};
  Json point = to_json(LatencySamples{"growth", {10, 20}, {30, 40}, {}, {}});
  point["x"] = 16;
  return {{"format", kFormat},
          {"date", "2017-05-08"},
          {"host", to_json(Host{"A processor", 2, 23.5, "6.1", true, false, "none", 0.25})},
          {"versions", {{"runc", "runc 1"}}},
          {"prices", {{"hourly", 0.188}, {"per_action", 0.000000417}}},
          {"latency",
           {{"rounds", 3},
            {"warm_up", 1},
            {"gap_ms", 0},
            {"systems", systems},
            {"samples", {latency("echo", 1000), latency("spry", 1500)}}}},
          {"throughput",
           {{"pattern", "poisson"},
            {"seed", 1},
            {"duration_s", 2},
            {"in_flight", 64},
            {"dispatchers", 64},
            {"sustained_share", 0.95},
            {"break_even", 125.0},
            {"labels", systems},
            {"systems", {throughput("echo", 1000), throughput("spry", 750)}}}},
          {"growth", {{{"name", "memory"}, {"title", "memory"}, {"axis", "MiB"}, {"points", {point}}}}},
          {"live", {to_json(LiveResult{100, {10, 20}, {30, 40}, {5, 6}, 900, 300})}},
          {"micro", {{"load", 12345.0}, {"kept_machine", 40000.0}}},
          {"left_out", {{{"name", "crun"}, {"label", "crun"}, {"reason", "crun is not there"}}}}};
}

const Section& section(const std::vector<Section>& sections, const std::string& name) {
  for (const Section& one : sections) {
    if (one.name == name) return one;
  }
  static const Section none;
  return none;
}

TEST(Report, HasASectionForEachPart) {
  const std::vector<Section> sections = make_report(sample_results());
  for (const char* const name :
       {"host", "aims", "latency", "throughput", "closed", "load", "growth", "live", "micro", "left-out"}) {
    EXPECT_EQ(section(sections, name).name, name);
    for (const auto& row : section(sections, name).grid.rows) {
      EXPECT_EQ(row.size(), section(sections, name).grid.header.size()) << name;
    }
  }
}

TEST(Report, ComparesByRoundsAndWithThePaper) {
  const Section latency = section(make_report(sample_results()), "latency");
  ASSERT_EQ(latency.grid.rows.size(), 2u);
  EXPECT_EQ(latency.grid.rows[1][0], "spry run");
  EXPECT_EQ(latency.grid.rows[1][1], "1.50 ms (1.50 ms-2.70 ms)");
  EXPECT_EQ(latency.grid.rows[1][3], "1.50 (1.50-1.50)");
  EXPECT_EQ(latency.grid.rows[1][5], "1.34");
  EXPECT_EQ(latency.grid.rows[1][8], "40");
  EXPECT_EQ(latency.grid.rows[1][9], "800 us");
}

TEST(Report, HasTheCostLine) {
  const Section throughput = section(make_report(sample_results()), "throughput");
  EXPECT_EQ(throughput.grid.rows[1][1], "750");
  EXPECT_EQ(throughput.grid.rows[1][2], "0.75");
  EXPECT_EQ(throughput.grid.rows[1][3], "0.59");
  EXPECT_EQ(throughput.grid.rows[1][4], "6.00");
}

TEST(Report, SaysHowBusyTheProcessorsWere) {
  const Section throughput = section(make_report(sample_results()), "throughput");
  EXPECT_EQ(throughput.grid.rows[1][10], "50 %");
  EXPECT_EQ(throughput.grid.rows[1][11], "667 us");
}

const Aim& aim(const std::vector<Aim>& aims, const std::string& figure) {
  for (const Aim& one : aims) {
    if (one.figure == figure) return one;
  }
  static const Aim none;
  return none;
}

TEST(Aims, AreComputedFromTheRun) {
  const std::vector<Aim> aims = make_aims(sample_results());
  const Aim& cold = aim(aims, "spry run hello to its first byte, over echo");
  ASSERT_TRUE(cold.value);
  EXPECT_DOUBLE_EQ(*cold.value, 1.5);
  EXPECT_FALSE(cold.met());
  const Aim& most = aim(aims, "most actions/s of spry run over echo, open system");
  ASSERT_TRUE(most.value);
  EXPECT_DOUBLE_EQ(*most.value, 0.75);
  EXPECT_TRUE(most.met());
  // 40 us, and 500 a second one after the other.
  const Aim& kept = aim(aims, "hello in a kept machine with its reset, over echo, both back to back");
  ASSERT_TRUE(kept.value);
  EXPECT_DOUBLE_EQ(*kept.value, 0.02);
  EXPECT_TRUE(kept.met());
  EXPECT_TRUE(aim(aims, "KiB of memory for each of 100 live machines").met());
}

TEST(Aims, AreNotMetWithoutAFigure) {
  for (const Aim& one : make_aims({{"format", kFormat}})) {
    EXPECT_FALSE(one.value) << one.figure;
    EXPECT_FALSE(one.met()) << one.figure;
  }
}

TEST(Report, SaysWhatWasNotMeasured) {
  Json results = sample_results();
  for (const char* const part : {"latency", "throughput", "growth", "live", "micro"}) results.erase(part);
  results["left_out"] = Json::array();
  const std::vector<Section> sections = make_report(results);
  for (const char* const name : {"latency", "fetch", "throughput", "closed", "load", "growth", "live", "micro"}) {
    EXPECT_EQ(section(sections, name).words, "Not measured.");
  }
  EXPECT_EQ(section(sections, "left-out").words, "Nothing.");
  EXPECT_TRUE(make_figures(results).empty());
}

TEST(Figures, AreOneForEachPlot) {
  std::vector<std::string> names;
  for (const Figure& figure : make_figures(sample_results())) names.push_back(figure.name);
  EXPECT_EQ(names, (std::vector<std::string>{"latency", "throughput", "load", "growth-memory", "growth-live"}));
}

TEST(Figures, HaveThePapersNumbers) {
  const std::vector<Figure> figures = make_figures(sample_results());
  EXPECT_NE(figures[0].script.find("\"ukvm in the paper: 7.8 ms\""), std::string::npos) << figures[0].script;
  EXPECT_NE(figures[1].script.find("\"ukvm in the paper: 193\""), std::string::npos) << figures[1].script;
}

const Grid grid = {{"name", "n"}, {{"a", "1"}, {"bcd", "23"}}};

TEST(Grid, IsAligned) { EXPECT_EQ(render_text(grid), "name   n\na      1\nbcd   23\n"); }

TEST(Grid, IsMarkdown) { EXPECT_EQ(render_markdown(grid), "| name | n |\n|---|---:|\n| a | 1 |\n| bcd | 23 |\n"); }

TEST(Page, IsFilledBetweenItsMarkers) {
  const std::vector<Section> sections = {{"one", "One", "Words.", grid}, {"two", "Two", "", {{"x"}, {{"y"}}}}};
  const std::string page =
      "# Page\n\n<!-- results: two -->\nold\n<!-- end of results -->\n\ntext\n<!-- results: one -->\n"
      "<!-- end of results -->\nend\n";
  const std::string expected =
      "# Page\n\n<!-- results: two -->\n| x |\n|---|\n| y |\n<!-- end of results -->\n\ntext\n<!-- results: one -->\n"
      "Words.\n\n| name | n |\n|---|---:|\n| a | 1 |\n| bcd | 23 |\n<!-- end of results -->\nend\n";
  ASSERT_TRUE(fill_page(page, sections));
  EXPECT_EQ(*fill_page(page, sections), expected);
  EXPECT_EQ(*fill_page(expected, sections), expected);
}

TEST(Page, SaysWhatWasNotMeasured) {
  const std::vector<Section> sections = {{"one", "One", "Not measured.", {}}};
  EXPECT_EQ(*fill_page("<!-- results: one -->\n<!-- end of results -->", sections),
            "<!-- results: one -->\nNot measured.\n<!-- end of results -->");
}

TEST(Page, WithABrokenMarkerIsRefused) {
  const std::vector<Section> sections = {{"one", "One", "", grid}};
  EXPECT_EQ(fill_page("<!-- results: one -->\n", sections).error().message, "a marker of results has no end");
  EXPECT_EQ(fill_page("<!-- results: three -->\n<!-- end of results -->", sections).error().message,
            "there are no results: three");
}

}  // namespace
}  // namespace spry::bench
