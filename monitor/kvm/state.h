// A guest's CpuState as KVM's structures have it, and back.
#pragma once

#include "cpu/registers.h"
#include "kvm/kvm_api.h"
#include "memory/layout.h"

namespace spry {

// Ring 3 in 64-bit mode, entered directly: every register is set here and none is read from KVM first. `features` are
// SPRY_FEATURE_* bits.
kvm_sregs to_kvm_special(const Layout& layout, std::uint64_t features, const CpuState& state);

// Sets IOPL to 3 as well, although the TSS's bitmap allows the port: some hosts look at the one and some at the other.
kvm_regs to_kvm(const Registers& registers);

// Leaves out the parts that a guest with these features does not have, because KVM refuses them.
kvm_xsave to_kvm(const VectorState& vectors, std::uint64_t features);

// Sets the bits of XSTATE_BV that say that x87 and SSE are in the area (SDM 1 13.4.2), which they always are. Without
// these bits, KVM_SET_XSAVE of Linux 6.1 leaves the vCPU's MXCSR as it is.
void name_legacy_parts(kvm_xsave& vectors);

// Whether the two are the same to a guest. Bytes 464 to 511 do not count: they are for software (SDM 1 10.5.1), which
// here is the kernel.
bool same_vectors(const kvm_xsave& one, const kvm_xsave& other);

CpuState from_kvm(const kvm_regs& registers, const kvm_sregs& special, const kvm_xsave& vectors);

}  // namespace spry
