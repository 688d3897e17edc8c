#include "machine/action.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cpu/x86.h"
#include "kvm/host_selectors.h"
#include "kvm/trampoline.h"
#include "memory/boot_pages.h"
#include "system/io.h"
#include "text/format.h"

namespace spry {
namespace {

tl::unexpected<Error> unreadable(const MachineData& machine) {
  return fail(ErrorCode::kMonitor,
              fmt::format("{}: its input of {} bytes cannot be read: {}", machine.base->path, machine.input->size,
                          errno != 0 ? std::strerror(errno) : "the file is shorter"));
}

Result<void> fill_input(MachineData& machine) {
  const Input& input = *machine.input;
  std::span<std::byte> area = machine.memory.bytes(machine.input_area).first(input.size);
  machine.input_filled = std::max(machine.input_filled, input.size);
  if (input.descriptor < 0) {
    std::copy(input.bytes.begin(), input.bytes.end(), area.begin());
    return {};
  }
  errno = 0;
  if (!read_all_at(input.descriptor, area, 0)) return unreadable(machine);
  return {};
}

// A machine that runs once has no input area before: its page tables and its slot get what this input needs.
Result<void> map_input(MachineData& machine) {
  const Input& input = *machine.input;
  const std::uint64_t start = machine.input_area.start;
  const Range range = {start, start + x86::round_up(input.size, x86::kPageSize)};
  if (input.descriptor >= 0) {
    if (auto mapped = machine.memory.map_file(range, input.descriptor, input.size); !mapped) return mapped;
  } else {
    std::copy(input.bytes.begin(), input.bytes.end(), machine.memory.bytes(range).begin());
  }
  constexpr Permissions kReadOnly = {.read = true};
  machine.memory.add_region({range, kReadOnly});
  if (!machine.tables.map(range, machine.layout().slide, x86::PTE_US | x86::PTE_XD)) {
    return fail(ErrorCode::kNotUnikernel, fmt::format("{}: an input of {} bytes needs more page tables than there are",
                                                      machine.base->path, input.size));
  }
  return machine.shell->add_input_slot(range, machine.memory.bytes(range).data());
}

Result<void> begin_devices(MachineData& machine) {
  const Base& base = *machine.base;
  SharedAreas areas(base.layout.shared.start);
  for (std::size_t handle = 0; handle < machine.devices.size(); ++handle) {
    std::span<std::byte> area = machine.memory.bytes(areas.next(base.shared[handle]));
    Device* device = machine.devices[handle].get();
    if (device == nullptr) continue;
    if (!base.at_ready) {
      device->attach(area);
    } else if (auto restored = device->restore(machine, area, base.devices[handle]); !restored) {
      return restored;
    }
  }
  // What the monitor writes there is not in KVM's log.
  if (machine.dirty.enabled() && !base.layout.shared.empty()) machine.dirty.mark(base.layout.shared);
  return {};
}

void begin_clock(MachineData& machine, spry_boot& boot) {
  if (!machine.tsc) return;
  const ClockReading now = read_clock(*machine.tsc);
  boot.clock_tsc = now.tsc;
  boot.clock_ns = now.host_ns - machine.epoch_ns;
  boot.clock_mult = machine.tsc->scale.mult;
  boot.clock_shift = machine.tsc->scale.shift;
  boot.clock_wall = now.wall_ns - boot.clock_ns;
}

Result<void> write_boot_page(MachineData& machine, bool with_input) {
  const Layout& layout = machine.layout();
  ActionStart start;
  start.generation = ++machine.generation;
  // `ready` is a hypercall where it returns later, or does not return.
  start.flags = with_input && !machine.base->at_ready && !machine.awaits_ready ? SPRY_BOOT_READY : 0;
  if (with_input && machine.input->size != 0) {
    start.input = machine.input_area.start + layout.slide;
    start.input_length = machine.input->size;
  }
  if (machine.dirty.enabled()) machine.dirty.mark({layout.boot.start, layout.boot.start + sizeof(spry_boot)});
  spry_boot& boot = machine.boot();
  begin_clock(machine, boot);
  return begin_boot_page(boot, start, machine.entropy);
}

}  // namespace

Result<void> deliver_input(MachineData& machine) {
  const Input& input = *machine.input;
  if (input.size != 0) {
    auto placed = machine.options.reusable ? fill_input(machine) : map_input(machine);
    if (!placed) return placed;
    machine.count_in(input.size);
  }
  return write_boot_page(machine, true);
}

Result<void> begin_action(MachineData& machine, const Input& input) {
  const Base& base = *machine.base;
  const std::uint64_t room = std::min(machine.options.max_input, machine.input_area.size());
  if (input.size > room) {
    return fail(ErrorCode::kMonitor,
                fmt::format("{}: the input has {} bytes, more than the {} that the machine was made for", base.path,
                            input.size, room));
  }
  // From here on something may be left that only a reset removes, also if the action cannot begin after all.
  machine.state = MachineData::State::kUsed;
  machine.finished = false;
  const Receipt before = machine.outcome.receipt;
  machine.outcome = {};
  machine.outcome.receipt.memory_reserved = base.layout.memory;
  machine.outcome.receipt.create = before.create;
  machine.outcome.receipt.reset = before.reset;
  machine.input = &input;
  machine.hurried = machine.cut = false;
  machine.awaits_ready = machine.options.reusable && !base.at_ready && !machine.begins_ready;
  machine.epoch_ns = host_monotonic_ns() - base.elapsed_ns;
  load_null_selectors();
  auto given = machine.awaits_ready ? write_boot_page(machine, false) : deliver_input(machine);
  if (!given) return given;
  if (auto begun = begin_devices(machine); !begun) return begun;
  machine.shell->vcpu.set_registers(machine.native_vectors ? trampoline_registers(base) : base.registers, base.special);
  return {};
}

}  // namespace spry
