// A guest's CpuState as KVM's structures have it, and back.
#pragma once

#include "cpu/registers.h"
#include "kvm/kvm_api.h"
#include "memory/layout.h"

namespace spry {

// Ring 3 in 64-bit mode, entered directly: every register is set here and none is read from KVM first. `features` are
// SPRY_FEATURE_* bits.
kvm_sregs to_kvm_special(const Layout& layout, std::uint64_t features, const CpuState& state);

// IOPL is 3 beside the TSS's bitmap: some hosts read the one and some the other.
kvm_regs to_kvm(const Registers& registers);

// Without the parts that a guest with these features has not: KVM refuses them.
kvm_xsave to_kvm(const VectorState& vectors, std::uint64_t features);

// Sets the bits of XSTATE_BV that say that x87 and SSE are in the area (SDM 1 13.4.2), which they always are. Without
// them Linux 6.1 leaves the vCPU's MXCSR as it is when it is given the state.
void name_legacy_parts(kvm_xsave& vectors);

// Whether they are the same to a guest: bytes 464 to 511 are for software (SDM 1 10.5.1), and the kernel's here.
bool same_vectors(const kvm_xsave& one, const kvm_xsave& other);

CpuState from_kvm(const kvm_regs& registers, const kvm_sregs& special, const kvm_xsave& vectors);

}  // namespace spry
