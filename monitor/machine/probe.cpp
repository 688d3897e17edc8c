#include "machine/probe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cpu/x86.h"
#include "kvm/system_page.h"
#include "kvm/trampoline.h"
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

}  // namespace

const char* ProbeReport::difference(const ProbeReport& other) const {
  if (std::memcmp(&general, &other.general, sizeof general) != 0) return "general registers";
  if (selectors != other.selectors) return "data segment selectors";
  if (fxsave != other.fxsave) return "x87, MXCSR or XMM registers";
  if (xsave != other.xsave) return "extended vector registers";
  if (bases != other.bases) return "FS or GS base";
  return nullptr;
}

Result<bool> step(MachineData& machine) {
  Vcpu& vcpu = machine.shell->vcpu;
  machine.shell->ran = true;
  // An interruption is for the next action, not for a probe.
  int error;
  do {
    vcpu.state().immediate_exit = 0;
    error = machine.enter();
  } while (error == EINTR);
  const kvm_run& state = vcpu.state();
  if (error == 0 && state.exit_reason == KVM_EXIT_IO) {
    if (state.io.port == SPRY_HYPERCALL_PORT) return true;
    if (state.io.port == x86::UD) return false;
  }
  return fail(ErrorCode::kMonitor, fmt::format("{}: a probe left the guest with {}", machine.base->path,
                                               error != 0 ? std::strerror(error) : "an exit of another kind"));
}

void write_probe(std::span<std::byte> page) { std::copy(spry_probe, spry_probe_end, page.begin()); }

Result<ProbeReport> run_probe(MachineData& machine) {
  const Layout& layout = machine.layout();
  const std::uint64_t page = layout.probe.start + x86::kPageSize;
  const std::uint64_t code = layout.probe.start + layout.slide;
  Vcpu& vcpu = machine.shell->vcpu;
  kvm_regs registers = machine.base->registers;
  registers.rip = code;
  // An action's first instructions come before the probe as well, which then goes on where the probe is.
  auto trampoline = machine.memory.bytes(layout.trampoline);
  if (machine.native_vectors) {
    registers = trampoline_registers(*machine.base);
    set_trampoline_target(trampoline, code);
  }
  vcpu.set_registers(registers, machine.base->special);
  auto area = machine.memory.bytes({page, page + x86::kPageSize});
  std::fill(area.begin(), area.end(), std::byte{0});
  // Continues at `offset` of the probe, with RDI at the page.
  auto enter_at = [&](std::uint64_t offset) {
    kvm_regs& now = vcpu.registers();
    now.rip = code + offset;
    now.rdi = page + layout.slide;
    vcpu.dirty_registers();
    return step(machine);
  };
  ProbeReport report;
  auto begun = step(machine);
  if (machine.native_vectors) set_trampoline_target(trampoline, machine.base->registers.rip);
  if (!begun) return tl::unexpected(begun.error());
  report.general = vcpu.registers();
  const std::uint64_t after_general = report.general.rip - code;
  report.general.rip = 0;
  if (auto left = enter_at(after_general); !left) return tl::unexpected(left.error());
  report.selectors = {vcpu.registers().rax, vcpu.registers().rbx, vcpu.registers().rcx, vcpu.registers().rdx};
  if (auto left = enter_at(vcpu.registers().rip - code); !left) return tl::unexpected(left.error());
  read_page(machine, page, report.fxsave);

  // After a fault the vCPU is in its gate, in ring 0: the segments are to be set as well.
  auto enter_anew = [&](const std::byte* label) {
    kvm_regs anew = machine.base->registers;
    anew.rip = code + static_cast<std::uint64_t>(label - spry_probe);
    anew.rdi = page + layout.slide;
    vcpu.set_registers(anew, machine.base->special);
    return step(machine);
  };
  auto vectors = enter_anew(spry_probe_vectors);
  if (!vectors) return tl::unexpected(vectors.error());
  if (*vectors) read_page(machine, page, report.xsave);
  // Where XSAVE is, its header tells which parts were in use, not what they hold.
  constexpr std::size_t kHeader = 512;
  std::fill_n(report.xsave.begin() + kHeader, 64, std::byte{0});
  auto bases = enter_anew(spry_probe_bases);
  if (!bases) return tl::unexpected(bases.error());
  if (*bases) report.bases = {vcpu.registers().rax, vcpu.registers().rbx};
  return report;
}

}  // namespace spry
