// The state in which a guest begins (docs/abi.md, "Entry").
#pragma once

#include "kvm/kvm_api.h"
#include "memory/layout.h"

namespace spry {

// Ring 3 in 64-bit mode, entered directly: every register is set here and none is read from KVM first. `features` are
// SPRY_FEATURE_* bits.
kvm_sregs entry_special_registers(const Layout& layout, std::uint64_t features);

// `entry` is a guest virtual address.
kvm_regs entry_registers(const Layout& layout, std::uint64_t entry);

// x87, MXCSR and vector registers as after reset (SDM 3A 10.1.1; 1 13.4.1, the XSAVE area).
kvm_xsave initial_vector_state();

// Sets the bits of XSTATE_BV that say that x87 and SSE are in the area (SDM 1 13.4.2), which they always are. Without
// them Linux 6.1 leaves the vCPU's MXCSR as it is when it is given the state.
void name_legacy_parts(kvm_xsave& state);

}  // namespace spry
