#include "tool/aims.h"
#include "tool/comparison.h"
#include "tool/document.h"
#include "tool/figures.h"
#include "tool/folder.h"
#include "tool/report.h"
#include "tool/sets.h"

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
          {"host", to_json(Host{"A processor", 2, 23.5, "6.1", true, true, false, "none", 0.25})},
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
          {"live", {to_json(LiveResult{Platform::kKvm, 100, {10, 20}, {30, 40}, {5, 6}, 900, 300})}},
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

// What the same run leaves on a machine without KVM.
Json process_results() {
  Json results = sample_results();
  results["host"]["kvm"] = false;
  for (Json* const list : {&results["latency"]["systems"], &results["latency"]["samples"],
                           &results["throughput"]["labels"], &results["throughput"]["systems"]}) {
    (*list)[1]["name"] = "spry-process";
  }
  results["live"][0]["platform"] = "process";
  results["micro"] = {{"kept_machine_process", 40000.0}};
  return results;
}

const Aim& aim(const std::vector<Aim>& aims, const std::string& figure, const std::string& platform = "kvm") {
  for (const Aim& one : aims) {
    if (one.figure == figure && one.platform == platform) return one;
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
  // 40 us, and 500 actions a second, one after the other.
  const Aim& kept = aim(aims, "hello in a kept machine with its reset, over echo, both back to back");
  ASSERT_TRUE(kept.value);
  EXPECT_DOUBLE_EQ(*kept.value, 0.02);
  EXPECT_TRUE(kept.met());
  EXPECT_TRUE(aim(aims, "KiB of memory for each of 100 live machines").met());
}

TEST(Aims, AreEachPlatformsOwn) {
  const std::vector<Aim> aims = make_aims(process_results());
  const Aim& cold = aim(aims, "spry run hello to its first byte, over echo", "process");
  ASSERT_TRUE(cold.value);
  EXPECT_DOUBLE_EQ(*cold.value, 1.5);
  EXPECT_FALSE(aim(aims, "spry run hello to its first byte, over echo").value);
  EXPECT_FALSE(aim(aims, "KiB of memory for each of 100 live machines", "process").met());
  const Section shown = section(make_report(process_results()), "aims");
  EXPECT_EQ(shown.words, "What the project set itself, computed from this run. Nothing was measured on: kvm.");
  for (const auto& row : shown.grid.rows) EXPECT_TRUE(row[0].starts_with("process: ")) << row[0];
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

TEST(Report, GivesEachReasonOnce) {
  Json results = sample_results();
  for (const char* const label : {"one", "two"}) {
    results["left_out"].push_back({{"name", label}, {"label", label}, {"reason", "no /dev/kvm"}});
  }
  EXPECT_EQ(section(make_report(results), "left-out").grid.rows,
            (std::vector<std::vector<std::string>>{{"crun is not there", "crun"}, {"no /dev/kvm", "one, two"}}));
}

TEST(Sets, AreChosenByTheMachine) {
  EXPECT_EQ(set_of(sample_results()), "kvm");
  EXPECT_EQ(set_of(process_results()), "process");
  Json old = sample_results();
  old["host"].erase("kvm");
  EXPECT_EQ(set_of(old), "kvm");
}

TEST(Sets, ArePublishedBesideEachOther) {
  const Result<Folder> folder = Folder::make();
  ASSERT_TRUE(folder);
  Json results = process_results();
  results.erase("latency");
  for (const char* const part : {"throughput", "growth", "live"}) results.erase(part);
  ASSERT_TRUE(publish(results, folder->path()));
  const Result<std::vector<PublishedSet>> sets = read_sets(folder->path());
  ASSERT_TRUE(sets) << sets.error().message;
  ASSERT_EQ(sets->size(), 2u);
  EXPECT_TRUE(sets->front().results.empty());
  EXPECT_EQ(sets->back().results, results);
}

TEST(Sets, AreComparedWhereBothHaveTheFigure) {
  const std::vector<Section> sections = compare(sample_results(), process_results());
  EXPECT_EQ(section(sections, "machines").grid.rows[0],
            (std::vector<std::string>{"processor", "A processor, 2 processors", "A processor, 2 processors"}));
  EXPECT_EQ(section(sections, "beside").grid.rows,
            (std::vector<std::vector<std::string>>{
                {"spry run: to Hello, over echo", "1.50", "1.50"},
                {"spry run: most actions/s, over echo, open system", "0.75", "0.75"},
                {"spry run: the same, closed system", "0.75", "0.75"},
                {"in-process, kept machine, back to back with its reset, over echo", "0.0200", "0.0200"},
                {"KiB of memory for each of 100 live machines", "900.0", "900.0"},
                {"the same, of one snapshot", "300.0", "300.0"},
            }));
  EXPECT_EQ(section(compare(sample_results(), Json::object()), "beside").words, "No figure was measured on both yet.");
}

TEST(Sets, HaveTheirOwnSectionsAndFigures) {
  const std::vector<Section> sections =
      make_sections({{"kvm", "/r/kvm", sample_results()}, {"process", "/r/process", Json::object()}}, "/docs");
  const Section latency = section(sections, "kvm/latency");
  EXPECT_TRUE(latency.words.starts_with("Measured on 2017-05-08 with KVM on A processor, 2 processors. From"));
  EXPECT_EQ(latency.figures, (std::vector<std::string>{"![latency](../r/kvm/latency.svg)"}));
  EXPECT_EQ(section(sections, "process/latency").words, "Not measured.");
  EXPECT_EQ(section(sections, "process/host").words, "Not measured.");
  EXPECT_EQ(section(sections, "process/aims").words, "Not measured.");
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
