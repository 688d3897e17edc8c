// The trampoline: an action's first instructions, which restore the vector registers in the guest itself. The ioctl
// that does so costs a fifth of a small action on hosts without hardware virtualization.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "cpu/registers.h"
#include "kvm/kvm_api.h"

namespace spry {

// True if the vector registers are such that the trampoline can restore them: x87, SSE and AVX at most.
bool fits_trampoline(const kvm_xsave& vectors);

// Fills the page for actions that begin with these registers.
void write_trampoline(std::span<std::byte> page, const Registers& registers, const kvm_xsave& vectors);

// Where the trampoline goes on, in a page that was filled.
std::uint64_t trampoline_target(std::span<const std::byte> page);
void set_trampoline_target(std::span<std::byte> page, std::uint64_t target);

// Where in the page the code lies that tells whether XRSTOR runs in this guest: a hypercall with XCR0 in RBX, or an
// exception.
std::uint64_t trampoline_probe_offset();

}  // namespace spry
