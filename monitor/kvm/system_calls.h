// System calls that a guest serves itself: from `syscall` in ring 3 to the guest's entry in ring 3, without an exit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cpu/registers.h"
#include "kvm/kvm_api.h"

namespace spry {

// Where in the trampoline's page the code for it lies, behind all that trampoline.h puts there.
inline constexpr std::uint64_t kSystemCallsOffset = 2048;

// Behind it the code that sets the base of FS.
inline constexpr std::uint64_t kSetFsBaseOffset = kSystemCallsOffset + 128;

// Puts it there, for a guest that serves them so.
void write_system_calls(std::span<std::byte> page, const SystemCalls& calls);
void write_set_fs_base(std::span<std::byte> page);

// What the CPU needs to know of code at `address`, guest virtual (SDM 3A 5.8.8); 0: there is none.
std::array<kvm_msr_entry, 3> system_call_msrs(std::uint64_t address);

}  // namespace spry
