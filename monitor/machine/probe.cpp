#include "machine/probe.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"
#include "machine/machine_data.h"
#include "text/format.h"

extern "C" {
extern const std::byte spry_probe[];
extern const std::byte spry_probe_vectors[];
extern const std::byte spry_probe_bases[];
extern const std::byte spry_probe_end[];
}

namespace spry {
namespace {

template <std::size_t N>
void read_page(MachineData& machine, std::uint64_t page, std::array<std::byte, N>& to) {
  const auto bytes = machine.memory.bytes({page, page + N});
  std::copy(bytes.begin(), bytes.end(), to.begin());
}

// Runs the probe up to its next hypercall. False if it meets an instruction that this guest does not have.
Result<bool> step(MachineData& machine) {
  for (;;) {
    const Exit exit = machine.vcpu->run();
    switch (exit.kind) {
      case Exit::Kind::kHypercall: {
        auto completed = machine.vcpu->complete_registers();
        if (!completed) return tl::unexpected(completed.error());
        return true;
      }
      case Exit::Kind::kException:
        if (exit.vector == x86::UD) return false;
        break;
      case Exit::Kind::kInterrupted:
        continue;  // an interruption is for the next action, not for a probe
      case Exit::Kind::kCpuLimit:
        return fail(ErrorCode::kResources, fmt::format("{}: {}", machine.base->name, exit.words));
      case Exit::Kind::kFailed:
        return tl::unexpected(exit.error);
      default:
        break;
    }
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: a probe left the guest with an exit of another kind", machine.base->name));
  }
}

}  // namespace

const char* ProbeReport::difference(const ProbeReport& other) const {
  if (std::memcmp(&general, &other.general, sizeof general) != 0) return "general registers";
  if (selectors != other.selectors) return "data segment selectors";
  if (fxsave != other.fxsave) return "x87, MXCSR or XMM registers";
  if (xsave != other.xsave) return "extended vector registers";
  if (bases != other.bases) return "FS or GS base";
  return nullptr;
}

void write_probe(std::span<std::byte> page) { std::copy(spry_probe, spry_probe_end, page.begin()); }

Result<ProbeReport> run_probe(MachineData& machine) {
  const Layout& layout = machine.layout();
  const std::uint64_t page = layout.probe.start + x86::kPageSize;
  const std::uint64_t code = layout.probe.start + layout.slide;
  Vcpu& vcpu = *machine.vcpu;
  auto area = machine.memory.bytes({page, page + x86::kPageSize});
  std::fill(area.begin(), area.end(), std::byte{0});
  // Begins as an action does, but at an offset of the probe.
  auto begin_at = [&](std::uint64_t offset, bool with_page) -> Result<bool> {
    Registers registers = machine.base->cpu.registers;
    registers.rip = code + offset;
    if (with_page) registers.rdi = page + layout.slide;
    if (auto begun = vcpu.begin(registers); !begun) return tl::unexpected(begun.error());
    return step(machine);
  };
  // Goes on behind the hypercall, with RDI at the page.
  auto go_on = [&] {
    vcpu.registers().rdi = page + layout.slide;
    vcpu.write_registers();
    return step(machine);
  };
  ProbeReport report;
  if (auto left = begin_at(0, false); !left) return tl::unexpected(left.error());
  report.general = vcpu.registers();
  report.general.rip = 0;
  if (auto left = go_on(); !left) return tl::unexpected(left.error());
  report.selectors = {vcpu.registers().rax, vcpu.registers().rbx, vcpu.registers().rcx, vcpu.registers().rdx};
  if (auto left = go_on(); !left) return tl::unexpected(left.error());
  read_page(machine, page, report.fxsave);

  auto offset = [](const std::byte* label) { return static_cast<std::uint64_t>(label - spry_probe); };
  auto vectors = begin_at(offset(spry_probe_vectors), true);
  if (!vectors) return tl::unexpected(vectors.error());
  if (*vectors) read_page(machine, page, report.xsave);
  // The header says which parts were in use, not what they hold: it is not compared.
  std::fill_n(report.xsave.begin() + x86::XSAVE_HEADER, x86::XSAVE_HEADER_SIZE, std::byte{0});
  auto bases = begin_at(offset(spry_probe_bases), true);
  if (!bases) return tl::unexpected(bases.error());
  if (*bases) report.bases = {vcpu.registers().rax, vcpu.registers().rbx};
  return report;
}

}  // namespace spry
