// CPU features that a manifest asks for, as CPUID, CR4 and XCR0. A machine that asks for none has no CPUID at all: that
// costs nothing, and kernels since 6.14 then allow no feature that depends on it.
#pragma once

#include <cstdint>
#include <string>

#include "kvm/kvm.h"
#include "spry/error.h"

namespace spry {

// True if any of the SPRY_FEATURE_* bits needs CPUID.
bool needs_cpuid(std::uint64_t features);

// CR4 and XCR0 bits for the features.
std::uint64_t cr4_bits(std::uint64_t features);
std::uint64_t xcr0_bits(std::uint64_t features);

// Gives the vCPU a CPUID of allowed features only, with nothing of VMX, SVM, SGX or SEV, and XCR0 to match. To be
// called before the first run. Errors: kNotUnikernel, naming the feature, if this host's KVM does not offer it; those
// of code_for if KVM refuses something.
Result<void> enable_features(const Kvm& kvm, VcpuIoctls& vcpu, std::uint64_t features, const std::string& path);

}  // namespace spry
