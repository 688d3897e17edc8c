#include "machine/reset.h"

#include <cstring>

#include "cpu/x86.h"
#include "machine/verify.h"
#include "system/clock.h"
#include "system/out_of_memory.h"

namespace spry {
namespace {

using x86::kPageSize;

Result<void> restore_memory(MachineData& machine) {
  const Layout& layout = machine.layout();
  const Contents& base = machine.base->contents;
  WriteLog& log = *machine.vcpu->write_log();
  if (auto fetched = machine.dirty.fetch(log); !fetched) return fetched;
  machine.dirty.drain([&](std::uint64_t page) {
    // What lies below the boot pages is the platform's, and no guest can read it.
    if (page < layout.boot.start) return false;
    std::byte* now = machine.memory.bytes({page, page + kPageSize}).data();
    const std::byte* then = base.page(page);
    if (std::memcmp(now, then, kPageSize) == 0) return true;
    std::memcpy(now, then, kPageSize);
    return false;
  });
  // It does not matter if idle pages cannot be given back: they are as in the base.
  return machine.dirty.forget_idle(log, [&](Range run) { static_cast<void>(machine.memory.drop(run)); });
}

Result<void> reset(MachineData& machine) {
  if (auto done = machine.vcpu->reset(); !done) return done;
  if (auto restored = restore_memory(machine); !restored) return restored;
  machine.input.clear(machine.memory);
  return machine.options.verify ? verify_machine(machine) : Result<void>();
}

}  // namespace

Result<void> reset_machine(MachineData& machine) {
  const std::uint64_t start = host_monotonic_ns();
  // A reset that ends early, for whatever reason, leaves the machine broken.
  auto done = or_out_of_memory([&machine] { return reset(machine); });
  machine.phase = done ? Phase::kReady : Phase::kBroken;
  machine.action.outcome.receipt.reset = std::chrono::nanoseconds(host_monotonic_ns() - start);
  return done;
}

}  // namespace spry
