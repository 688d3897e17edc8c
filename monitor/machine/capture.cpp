#include "machine/capture.h"

#include <cstring>

#include "cpu/x86.h"
#include "kvm/entry_state.h"
#include "kvm/trampoline.h"
#include "machine/verify.h"

namespace spry {
namespace {

// The base's memory with what the machine has changed since.
Result<Contents> copy_memory(MachineData& machine) {
  const WriteLog log = machine.shell->write_log();
  const Layout& layout = machine.layout();
  if (auto fetched = machine.dirty.fetch(log); !fetched) return tl::unexpected(fetched.error());
  auto contents = machine.base->contents.loaded(layout.memory);
  if (!contents) return contents;
  auto copy = [&](Range range) {
    std::memcpy(contents->bytes(range).data(), machine.memory.bytes(range).data(), range.size());
  };
  machine.dirty.drain([&](std::uint64_t page) {
    copy({page, page + x86::kPageSize});
    return false;
  });
  copy({layout.tables.start, layout.tables.start + machine.tables.used() * x86::kPageSize});
  if (auto cleared = machine.dirty.clear(log); !cleared) return tl::unexpected(cleared.error());
  if (auto placed = contents->place(machine.memory, 0); !placed) return tl::unexpected(placed.error());
  return contents;
}

}  // namespace

Result<std::string> capture_ready(MachineData& machine) {
  std::vector<std::string> saved(machine.devices.size());
  for (std::size_t handle = 0; handle < machine.devices.size(); ++handle) {
    if (machine.devices[handle] == nullptr) continue;
    auto state = machine.devices[handle]->save();
    if (!state) return std::move(state.error().message);
    saved[handle] = std::move(*state);
  }
  auto base = std::make_shared<Base>(Base{*machine.base, {}});
  base->page_tables = machine.tables.used();
  base->covered = machine.covered;
  base->generation = machine.generation;
  base->elapsed_ns = host_monotonic_ns() - machine.epoch_ns;
  base->at_ready = true;
  base->devices = std::move(saved);
  Vcpu& vcpu = machine.shell->vcpu;
  base->registers = vcpu.registers();
  base->registers.rax = 0;
  auto special = vcpu.special_registers();
  if (!special) return tl::unexpected(special.error());
  base->special = *special;
  auto vectors = vcpu.vector_state();
  if (!vectors) return tl::unexpected(vectors.error());
  name_legacy_parts(*vectors);
  base->vectors = std::make_shared<kvm_xsave>(*vectors);
  auto contents = copy_memory(machine);
  if (!contents) return tl::unexpected(contents.error());
  base->contents = std::move(*contents);
  // Machines see it at once, because none has written to that page.
  write_trampoline(*base, base->contents.bytes(base->layout.trampoline));
  machine.native_vectors = machine.native_vectors && fits_trampoline(*base->vectors);
  machine.base = std::move(base);
  machine.idle_cost = 0;
  if (!machine.options.verify) return std::string();
  auto verifying = begin_verifying(machine);
  if (!verifying) return tl::unexpected(verifying.error());
  vcpu.set_registers(machine.base->registers, machine.base->special);
  return std::string();
}

}  // namespace spry
