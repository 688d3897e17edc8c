#include "machine/action.h"

#include <algorithm>

#include "cpu/x86.h"
#include "snapshot/boot_pages.h"
#include "system/clock.h"
#include "text/format.h"

namespace spry {
namespace {

// The guest of a reusable machine has the whole input area from the start. The guest of a machine that runs once is
// shown only the pages that this input needs.
Result<void> place_input(MachineData& machine) {
  const Input& input = *machine.action.input;
  if (machine.options.reusable) {
    auto filled = machine.input.fill(machine.memory, input);
    if (filled) return filled;
    return fail(filled.error().code, fmt::format("{}: {}", machine.base->name, filled.error().message));
  }
  const std::uint64_t start = machine.input.range().start;
  const Range range = {start, start + x86::round_up(input.size, x86::kPageSize)};
  std::uint64_t mapped = 0;
  if (input.descriptor >= 0) {
    auto file = machine.memory.map_file(start, input.descriptor, input.size);
    if (!file) {
      return fail(file.error().code, fmt::format("{}: {}", machine.base->name, file.error().message));
    }
    mapped = *file;
  } else {
    std::copy(input.bytes.begin(), input.bytes.end(), machine.memory.bytes(range).begin());
  }
  machine.memory.add_region({range, {.read = true}});
  return machine.vcpu->map_input(range, input.descriptor, mapped);
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
  // The platform's log may miss what the monitor writes to the shared areas.
  if (machine.dirty.enabled() && !base.layout.shared.empty()) machine.dirty.mark(base.layout.shared);
  return {};
}

void begin_clock(MachineData& machine, spry_boot& boot) {
  if (!machine.tsc) return;
  const ClockReading now = read_clock(*machine.tsc);
  boot.clock_tsc = now.tsc;
  boot.clock_ns = now.host_ns - static_cast<std::uint64_t>(machine.action.epoch_ns);
  boot.clock_mult = machine.tsc->mult;
  boot.clock_shift = machine.tsc->shift;
  boot.clock_wall = now.wall_ns - boot.clock_ns;
}

Result<void> write_boot_page(MachineData& machine, bool with_input) {
  const Layout& layout = machine.layout();
  const Input& input = *machine.action.input;
  ActionStart start;
  start.generation = ++machine.action.generation;
  // READY is set only if the first ready() needs no hypercall.
  start.flags = with_input && !machine.base->at_ready && !machine.initialising() ? SPRY_BOOT_READY : 0;
  if (with_input && input.size != 0) {
    start.input = machine.input.range().start + layout.slide;
    start.input_length = input.size;
  }
  if (machine.dirty.enabled()) machine.dirty.mark({layout.boot.start, layout.boot.start + sizeof(spry_boot)});
  spry_boot& boot = machine.boot();
  boot.set_fs_base = machine.vcpu->set_fs_base();
  begin_clock(machine, boot);
  return begin_boot_page(boot, start, machine.entropy);
}

}  // namespace

Result<void> deliver_input(MachineData& machine) {
  const Input& input = *machine.action.input;
  if (input.size != 0) {
    if (auto placed = place_input(machine); !placed) return placed;
    machine.count_in(input.size);
  }
  return write_boot_page(machine, true);
}

Result<void> check_deadline(const std::optional<std::chrono::nanoseconds>& deadline) {
  if (!deadline || deadline->count() > 0) return {};
  return fail(ErrorCode::kInvalidArgument, "a deadline is at least one nanosecond");
}

Result<void> begin_action(MachineData& machine, const Input& input, const ActionOptions& options) {
  const Base& base = *machine.base;
  if (auto checked = check_deadline(options.deadline); !checked) return checked;
  if (input.size > machine.options.max_input) {
    return fail(ErrorCode::kTooLarge,
                fmt::format("{}: the input has {} bytes, more than the {} that the machine was made for", base.name,
                            input.size, machine.options.max_input));
  }
  const bool initialises = machine.options.reusable && machine.beginning == Beginning::kUnknown;
  // From here on only a reset makes the machine clean again, even if the action cannot begin after all.
  machine.phase = initialises ? Phase::kInitialising : Phase::kRunning;
  Action& action = machine.action;
  Outcome outcome;
  outcome.receipt.platform = machine.vcpu->platform();
  outcome.receipt.memory_reserved = base.layout.memory;
  outcome.receipt.create = action.outcome.receipt.create;
  outcome.receipt.reset = action.outcome.receipt.reset;
  action.outcome = std::move(outcome);
  action.input = &input;
  const std::uint64_t now = host_monotonic_ns();
  // The deadline counts from here, because a device that is restored may already write, and wait for a reader.
  const auto& deadline = options.deadline ? options.deadline : machine.options.deadline;
  machine.waiting.begin(
      deadline ? host_time(static_cast<std::int64_t>(now), static_cast<std::uint64_t>(deadline->count())) : 0);
  action.epoch_ns = static_cast<std::int64_t>(now - base.elapsed_ns);
  auto given = initialises ? write_boot_page(machine, false) : deliver_input(machine);
  if (!given) return given;
  if (auto begun = begin_devices(machine); !begun) return begun;
  return machine.vcpu->begin(base.cpu.registers);
}

}  // namespace spry
