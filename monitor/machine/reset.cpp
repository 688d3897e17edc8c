#include "machine/reset.h"

#include <algorithm>
#include <cstring>

#include "cpu/instruction.h"
#include "cpu/x86.h"
#include "kvm/entry_state.h"
#include "machine/verify.h"

namespace spry {
namespace {

using x86::kPageSize;

// What restoring and clearing cost, in ns (measured: bench/micro). A page that KVM names is restored each time at the
// cost of a comparison, whether the guest wrote it again or not; having KVM forget it costs an ioctl now and a fault
// when the guest writes it again. So that is done once comparing has cost as much: never more than twice what the
// better choice would have cost.
constexpr std::uint64_t kCompareCost = 120;
constexpr std::uint64_t kFaultCost = 2300;
constexpr std::uint64_t kClearCost = 4000;

// From this many bytes on, an input's pages are given back instead of being filled with zeros.
constexpr std::uint64_t kLargestClearedInput = std::uint64_t{1} << 20;

// After a hypercall by OUT nothing is. An OUTS with the same bytes looks alike, but goes on when the vCPU does; the
// code tells them apart, which no guest can write to.
bool nothing_pending(MachineData& machine) {
  constexpr std::uint64_t kLongestInstruction = 15;
  if (!machine.finished) return false;
  const std::uint64_t rip = machine.shell->vcpu.registers().rip;
  if (rip == machine.finished_rip) return true;
  const Region* region = machine.memory.find(rip - 1);
  if (region == nullptr || !region->permissions.execute) return false;
  const std::uint64_t at = rip - machine.layout().slide;
  auto code = [&](std::uint64_t start, std::uint64_t end) {
    std::span<std::byte> bytes = machine.memory.bytes({start, end});
    return std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  };
  const auto before = code(std::max(at - 2, region->range.start), at);
  const auto after = code(at, std::min(at + kLongestInstruction, region->range.end));
  if (!left_by_out(before, after, SPRY_HYPERCALL_PORT)) return false;
  machine.finished_rip = rip;
  return true;
}

Result<void> drain_vcpu(Vcpu& vcpu) {
  if (auto drained = vcpu.drain(); !drained) return drained;
  vcpu.clear_events();
  kvm_debugregs none = {};
  none.dr6 = x86::DR6_RESET;
  none.dr7 = x86::DR7_RESET;
  return vcpu.set_debug_registers(none);
}

// What the last exit left pending (an `in`, a `rep ins`, an exception that was about to be delivered) would happen to
// the next action.
Result<void> drain(MachineData& machine) {
  return nothing_pending(machine) ? Result<void>() : drain_vcpu(machine.shell->vcpu);
}

Result<void> restore_memory(MachineData& machine) {
  const Layout& layout = machine.layout();
  const Contents& base = machine.base->contents;
  const WriteLog log = machine.shell->write_log();
  if (auto fetched = machine.dirty.fetch(log); !fetched) return fetched;
  std::uint64_t idle = 0;
  std::uint64_t restored = 0;
  machine.dirty.drain([&](std::uint64_t page) {
    // Page tables are the monitor's, and what it adds to them is never taken back.
    if (page >= layout.tables.start && page < layout.tables.end) return false;
    std::byte* now = machine.memory.bytes({page, page + kPageSize}).data();
    const std::byte* then = base.bytes({page, page + kPageSize}).data();
    if (std::memcmp(now, then, kPageSize) == 0) {
      ++idle;
      return true;
    }
    std::memcpy(now, then, kPageSize);
    ++restored;
    return false;
  });
  machine.idle_cost += idle * kCompareCost;
  const std::uint64_t faults = log.forgets_all() ? idle + restored : idle;
  if (idle == 0 || machine.idle_cost < faults * kFaultCost + kClearCost) return {};
  machine.idle_cost = 0;
  return machine.dirty.clear_idle(log, [&](Range run) { machine.memory.drop(run); });
}

void clear_input(MachineData& machine) {
  if (machine.input_filled == 0) return;
  const std::uint64_t start = machine.input_area.start;
  const Range filled = {start, start + x86::round_up(machine.input_filled, kPageSize)};
  if (filled.size() > kLargestClearedInput) {
    machine.memory.drop(filled);
  } else {
    std::memset(machine.memory.bytes(filled).data(), 0, filled.size());
  }
  machine.input_filled = 0;
}

Result<void> reset(MachineData& machine) {
  if (auto drained = drain(machine); !drained) return drained;
  if (auto restored = restore_memory(machine); !restored) return restored;
  clear_input(machine);
  if (!machine.native_vectors) {
    if (auto set = machine.shell->vcpu.set_vector_state(*machine.base->vectors); !set) return set;
  }
  return machine.options.verify ? verify_machine(machine) : Result<void>();
}

}  // namespace

Result<void> reset_machine(MachineData& machine) {
  const std::uint64_t start = host_monotonic_ns();
  auto done = reset(machine);
  machine.state = done ? MachineData::State::kReady : MachineData::State::kBroken;
  machine.outcome.receipt.reset = std::chrono::nanoseconds(host_monotonic_ns() - start);
  return done;
}

Result<void> empty_shell(MachineData& machine) {
  ShellData& shell = *machine.shell;
  if (shell.ran) {
    if (auto drained = drain_vcpu(shell.vcpu); !drained) return drained;
  }
  if (auto removed = shell.remove_slots(); !removed) return removed;
  const kvm_xsave initial = initial_vector_state();
  return shell.vcpu.set_vector_state(initial);
}

}  // namespace spry
