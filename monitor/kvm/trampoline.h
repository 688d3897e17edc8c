// The trampoline: an action's first instructions, which restore the vector registers in the guest itself. The ioctl
// that does so costs a fifth of a small action on hosts without hardware virtualization.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "snapshot/base.h"

namespace spry {

struct MachineData;

// True if the base's vector registers are such that the trampoline can restore them: x87, SSE and AVX at most.
bool fits_trampoline(const kvm_xsave& vectors);

// Fills the page for actions that begin as `base` says.
void write_trampoline(const Base& base, std::span<std::byte> page);

// Where the trampoline goes on, in a page that was filled.
void set_trampoline_target(std::span<std::byte> page, std::uint64_t target);

// The general registers with which it is entered.
kvm_regs trampoline_registers(const Base& base);

// Runs an instruction of XSAVE's in the guest: it is there wherever a guest could use more registers than KVM tells.
// Registers have to be set again afterwards. Error: kMonitor.
Result<bool> can_use_trampoline(MachineData& machine);

}  // namespace spry
