#include "tool/comparison.h"

#include <algorithm>

#include "text/format.h"
#include "tool/lookup.h"
#include "tool/measured.h"
#include "tool/names.h"
#include "tool/show.h"

namespace spry::bench {
namespace {

const std::vector<std::string> kHeader = {"", "with KVM", "without KVM"};

// Has the rows of both, in their order. If only one of them has a row, the other's cell there is empty.
Section machines_section(const Json& kvm, const Json& process) {
  Section section{"machines", "Machines", {}, {kHeader, {}}, {}};
  std::vector<std::vector<std::string>>& rows = section.grid.rows;
  std::size_t column = 1;
  for (const Json* const results : {&kvm, &process}) {
    if (has(*results, "host")) {
      for (const auto& line : describe(*results)) {
        auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& one) { return one[0] == line.first; });
        if (row == rows.end()) row = rows.insert(rows.end(), {line.first, "", ""});
        (*row)[column] = line.second;
      }
    }
    ++column;
  }
  return section;
}

// The name in the set "process" of the system that has this name in the set "kvm". Only Spry's systems have a platform
// in their names.
std::string on_process(const std::string& name) {
  return kind_of(name) == Kind::kSpryKvm ? name + std::string(kProcessSuffix) : name;
}

class Comparison {
 public:
  Comparison(const Json& kvm, const Json& process) : kvm_(kvm), process_(process) {}

  void add(const std::string& figure, Value kvm, Value process) {
    if (kvm && process) rows_.push_back({figure, show_ratio(*kvm), show_ratio(*process)});
  }

  void latency(const Json& systems) {
    for (const Json& system : systems) {
      const std::string name = system["name"];
      if (name == "echo") continue;
      add(fmt::format("{}: to Hello, over echo", system.value("label", name)), kvm_.latency(name, "echo"),
          process_.latency(on_process(name), "echo"));
    }
  }

  void throughput(const Json& systems) {
    const auto over_echo = [](const Measured& run, const std::string& name,
                              Value (Measured::*most)(const std::string&)
                                  const) { return divide((run.*most)(name), (run.*most)("echo")); };
    for (const Json& system : systems) {
      const std::string name = system["name"];
      const std::string label = system.value("label", name);
      if (name == "echo") continue;
      add(fmt::format("{}: most actions/s, over echo, open system", label), over_echo(kvm_, name, &Measured::open),
          over_echo(process_, on_process(name), &Measured::open));
      add(fmt::format("{}: the same, closed system", label), over_echo(kvm_, name, &Measured::closed),
          over_echo(process_, on_process(name), &Measured::closed));
    }
  }

  // The ratio of a value at the largest x to that at the smallest x, of those that both sets have.
  void growth(const Json& all, const Json& other) {
    for (const Json& series : all) {
      const std::string name = series["name"];
      const std::string beside = name + std::string(kProcessSuffix);
      const Json* const process = find(other, beside);
      if (process == nullptr) continue;
      std::vector<double> shared;
      for (const Json& point : series["points"]) {
        if (find((*process)["points"], "x", point["x"]) != nullptr) shared.push_back(point["x"]);
      }
      if (shared.size() < 2) continue;
      const double first = shared.front();
      const double last = shared.back();
      add(fmt::format("{}: {} over {} {}", series.value("title", name), last, first, series.value("axis", "")),
          kvm_.growth(name, last, first), process_.growth(beside, last, first));
    }
  }

  void parts() {
    add("in-process, kept machine, back to back with its reset, over echo",
        divide(kvm_.micro("kept_machine"), kvm_.one_by_one("echo")),
        divide(process_.micro("kept_machine_process"), process_.one_by_one("echo")));
    add("hypercall, over the bare way out of the guest and back",
        divide(kvm_.micro("hypercall"), kvm_.micro("bare_exit")),
        divide(process_.micro("hypercall_process"), process_.micro("bare_notification")));
  }

  void live() {
    constexpr std::size_t kMachines = 100;
    add("KiB of memory for each of 100 live machines", kvm_.live("kvm", kMachines, "memory_kib"),
        process_.live("process", kMachines, "memory_kib"));
    add("the same, of one snapshot", kvm_.live("kvm", kMachines, "snapshot_memory_kib"),
        process_.live("process", kMachines, "snapshot_memory_kib"));
  }

  std::vector<std::vector<std::string>> rows() const { return rows_; }

 private:
  Measured kvm_;
  Measured process_;
  std::vector<std::vector<std::string>> rows_;
};

Section beside_section(const Json& kvm, const Json& process) {
  Comparison comparison(kvm, process);
  if (has(kvm, "latency")) comparison.latency(kvm["latency"]["systems"]);
  if (has(kvm, "throughput")) comparison.throughput(kvm["throughput"]["labels"]);
  comparison.parts();
  if (has(kvm, "growth") && has(process, "growth")) comparison.growth(kvm["growth"], process["growth"]);
  comparison.live();
  if (comparison.rows().empty()) return {"beside", "Side by side", "No figure was measured on both yet.", {}, {}};
  return {"beside",
          "Side by side",
          "Ratios within each run, of what both have: medians of the rounds' for latency and growth.",
          {kHeader, comparison.rows()},
          {}};
}

}  // namespace

std::vector<Section> compare(const Json& kvm, const Json& process) {
  return {machines_section(kvm, process), beside_section(kvm, process)};
}

}  // namespace spry::bench
