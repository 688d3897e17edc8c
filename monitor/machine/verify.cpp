#include "machine/verify.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/x86.h"
#include "machine/probe.h"
#include "text/format.h"

namespace spry {
namespace {

using x86::kPageSize;

tl::unexpected<Error> differs(const MachineData& machine, std::string what) {
  return fail(ErrorCode::kMonitor,
              fmt::format("{}: after a reset, {} is not what it was before", machine.base->name, what));
}

// Whether the page is as in the base. Differences in instructions that the platform rewrote do not count.
bool same(MachineData& machine, Range page) {
  const auto now = machine.memory.bytes(page);
  const auto then = machine.base->contents.bytes(page);
  if (std::memcmp(now.data(), then.data(), page.size()) == 0) return true;
  const auto rewritten = machine.vcpu->rewritten();
  for (std::uint64_t at = page.start; at < page.end; ++at) {
    if (now[at - page.start] == then[at - page.start]) continue;
    const auto known = [at](std::uint64_t address) { return at == address || at == address + 1; };
    if (std::none_of(rewritten.begin(), rewritten.end(), known)) return false;
  }
  return true;
}

bool zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

// Memory that neither the base nor the machine has touched is zero in both, and is not looked at: looking would make it
// resident.
Result<void> compare_memory(MachineData& machine) {
  const Range all = {machine.layout().boot.start, machine.vcpu->covered()};
  const auto page_differs = [&](std::uint64_t page) {
    return differs(machine, fmt::format("the page at guest-physical {:#x}", page));
  };
  std::vector<Range> known;
  for (const ContentsRun& run : machine.base->contents.runs()) {
    known.push_back({std::max(run.range.start, all.start), std::min(run.range.end, all.end)});
    for (std::uint64_t page = known.back().start; page < known.back().end; page += kPageSize) {
      if (!same(machine, {page, page + kPageSize})) return page_differs(page);
    }
  }
  auto run = known.begin();
  for (const Range& touched : machine.memory.populated(all)) {
    for (std::uint64_t page = touched.start; page < touched.end; page += kPageSize) {
      while (run != known.end() && run->end <= page) ++run;
      if (run != known.end() && run->start <= page) continue;
      if (!zero(machine.memory.bytes({page, page + kPageSize}))) return page_differs(page);
    }
  }
  const Range input = machine.input.range();
  for (const Range& touched : machine.memory.populated(input)) {
    if (!zero(machine.memory.bytes(touched))) return differs(machine, "the input area");
  }
  return {};
}

}  // namespace

Result<void> begin_verifying(MachineData& machine) {
  auto report = run_probe(machine);
  if (!report) return tl::unexpected(report.error());
  machine.probe = std::make_unique<ProbeReport>(*report);
  return {};
}

Result<void> verify_machine(MachineData& machine) {
  if (auto compared = compare_memory(machine); !compared) return compared;
  auto difference = machine.vcpu->difference();
  if (!difference) return tl::unexpected(difference.error());
  if (*difference != nullptr) return differs(machine, *difference);
  auto report = run_probe(machine);
  if (!report) return tl::unexpected(report.error());
  if (const char* part = machine.probe->difference(*report))
    return differs(machine, fmt::format("the guest's {}", part));
  return {};
}

}  // namespace spry
