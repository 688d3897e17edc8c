#include "machine/capture.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "cpu/x86.h"
#include "machine/action.h"
#include "machine/verify.h"
#include "spry/abi.h"
#include "system/clock.h"

namespace spry {
namespace {

using x86::kPageSize;

// Copies the base's memory, with what the machine has changed since. Instructions that the platform rewrote become the
// guest's own again, because a base serves every platform.
Result<Contents> copy_memory(MachineData& machine) {
  WriteLog& log = *machine.vcpu->write_log();
  const Layout& layout = machine.layout();
  if (auto fetched = machine.dirty.fetch(log); !fetched) return tl::unexpected(fetched.error());
  auto contents = machine.base->contents.loaded(layout.memory);
  if (!contents) return contents;
  machine.dirty.drain([&](std::uint64_t page) {
    // What lies below the boot pages is the platform's.
    if (page < layout.boot.start) return false;
    const Range range = {page, page + kPageSize};
    std::memcpy(contents->bytes(range).data(), machine.memory.bytes(range).data(), kPageSize);
    return false;
  });
  constexpr std::array kHypercall = {std::byte{0xe7}, std::byte{SPRY_HYPERCALL_PORT}};  // out %eax, $0x7e
  for (const std::uint64_t address : machine.vcpu->rewritten()) {
    std::copy(kHypercall.begin(), kHypercall.end(), contents->bytes({address, address + kHypercall.size()}).begin());
  }
  contents->settle();
  if (auto cleared = machine.dirty.clear(log); !cleared) return tl::unexpected(cleared.error());
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
  base->generation = machine.action.generation;
  base->elapsed_ns = machine.action.age_ns();
  base->at_ready = true;
  base->devices = std::move(saved);
  auto state = machine.vcpu->save();
  if (!state) return tl::unexpected(state.error());
  base->cpu = *std::move(state);
  auto contents = copy_memory(machine);
  if (!contents) return tl::unexpected(contents.error());
  const auto& runs = contents->runs();
  base->covered = covered_up_to(base->layout, runs.empty() ? 0 : runs.back().range.end);
  base->contents = std::move(*contents);
  if (auto rebased = machine.vcpu->rebase(base->contents, base->cpu); !rebased) return tl::unexpected(rebased.error());
  machine.base = std::move(base);
  machine.beginning = Beginning::kAtReady;
  if (!machine.options.verify) return std::string();
  // The deadline is the action's. If it passed while the probe runs, it would interrupt the probe again and again.
  machine.vcpu->disarm();
  auto verifying = begin_verifying(machine);
  if (!verifying) return tl::unexpected(verifying.error());
  if (auto armed = machine.vcpu->arm(machine.waiting, deadline_signal(machine)); !armed) {
    return tl::unexpected(armed.error());
  }
  if (auto begun = machine.vcpu->begin(machine.base->cpu.registers); !begun) return tl::unexpected(begun.error());
  return std::string();
}

}  // namespace spry
