// What a Shell holds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kvm/kvm.h"
#include "kvm/kvm_write_log.h"
#include "spry/image.h"

namespace spry {

struct ShellData {
  ShellData(Vm its_vm, Vcpu its_vcpu) : vm(std::move(its_vm)), vcpu(std::move(its_vcpu)) {}

  // The next slot: memory from 0 on, each where the last one ends.
  Result<void> add_slot(Range range, void* host) {
    auto added = vm.set_memory_slot(static_cast<std::uint32_t>(slots.size()), range.start, range.size(), host, logs);
    if (added) slots.push_back(range);
    return added;
  }
  // The slot of the input, which the guest cannot write.
  Result<void> add_input_slot(Range range, void* host) {
    has_input_slot = true;
    return vm.set_memory_slot(kInputSlot, range.start, range.size(), host, false);
  }
  // And forgets what was written there; those that come after are not logged.
  Result<void> remove_slots();

  // Has KVM tell what the guest writes to the slots that are added from now on.
  Result<void> log_writes();
  WriteLog write_log() { return {vm, slots, ring ? &*ring : nullptr}; }

  static constexpr std::uint32_t kInputSlot = 64;

  Vm vm;
  Vcpu vcpu;
  std::optional<DirtyRing> ring;    // else the slots' dirty log tells
  std::uint64_t room = UINT64_MAX;  // slots end here at most
  std::vector<Range> slots;
  bool has_input_slot = false;
  bool can_log = false;        // Vm::log_dirty_pages was called
  bool logs = false;           // slots are logged
  bool ran = false;            // its CPUID cannot be changed any more
  std::uint64_t features = 0;  // SPRY_FEATURE_* that its CPUID has
};

// A shell for slots that end at `end` at most: where that is low enough, one that is cheaper to make. With
// `logged_pages` it has a ring for about so many pages that a guest writes, if KVM can and they are not too many.
Result<std::unique_ptr<ShellData>> make_shell(std::uint64_t end, std::uint64_t logged_pages);

}  // namespace spry
