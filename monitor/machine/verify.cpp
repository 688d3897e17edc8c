#include "machine/verify.h"

#include <cstring>

#include "cpu/x86.h"
#include "kvm/host_selectors.h"
#include "machine/probe.h"
#include "text/format.h"

namespace spry {
namespace {

using x86::kPageSize;

tl::unexpected<Error> differs(const MachineData& machine, std::string what) {
  return fail(ErrorCode::kMonitor,
              fmt::format("{}: after a reset, {} is not what it was before", machine.base->path, what));
}

Result<void> compare_memory(MachineData& machine) {
  const Layout& layout = machine.layout();
  for (std::uint64_t page = 0; page < machine.covered; page += kPageSize) {
    if (page >= layout.tables.start && page < layout.tables.end) continue;
    if (page >= layout.probe.start && page < layout.probe.end) continue;
    const Range range = {page, page + kPageSize};
    if (std::memcmp(machine.memory.bytes(range).data(), machine.base->contents.bytes(range).data(), kPageSize) != 0) {
      return differs(machine, fmt::format("the page at guest-physical {:#x}", page));
    }
  }
  for (std::uint64_t page = machine.input_area.start; page < machine.input_area.end; page += kPageSize) {
    const auto bytes = machine.memory.bytes({page, page + kPageSize});
    for (std::byte byte : bytes) {
      if (byte != std::byte{0}) return differs(machine, "the input area");
    }
  }
  return {};
}

Result<void> compare_registers(MachineData& machine) {
  Vcpu& vcpu = machine.shell->vcpu;
  // With the trampoline KVM's state is the last action's until the next one begins; the probe tells.
  auto vectors = vcpu.vector_state();
  if (!vectors) return tl::unexpected(vectors.error());
  if (!machine.native_vectors && std::memcmp(&*vectors, machine.base->vectors.get(), sizeof *vectors) != 0) {
    return differs(machine, "the vector state that KVM tells");
  }
  auto debug = vcpu.debug_registers();
  if (!debug) return tl::unexpected(debug.error());
  if ((debug->db[0] | debug->db[1] | debug->db[2] | debug->db[3]) != 0 || debug->dr7 != x86::DR7_RESET) {
    return differs(machine, "a debug register");
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
  if (auto compared = compare_registers(machine); !compared) return compared;
  load_null_selectors();
  auto report = run_probe(machine);
  if (!report) return tl::unexpected(report.error());
  if (const char* part = machine.probe->difference(*report))
    return differs(machine, fmt::format("the guest's {}", part));
  return {};
}

}  // namespace spry
