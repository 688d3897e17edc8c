// System calls that a guest serves itself: from `syscall` in ring 3 to the guest's entry in ring 3, without an exit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cpu/registers.h"
#include "kvm/kvm_api.h"

namespace spry {

// Where in the trampoline's page the code for system calls lies: behind all that trampoline.h puts there.
inline constexpr std::uint64_t kSystemCallsOffset = 2048;

// Where the code that sets the base of FS lies: behind the code for system calls.
inline constexpr std::uint64_t kSetFsBaseOffset = kSystemCallsOffset + 128;

// These write the two into the trampoline's page.
void write_system_calls(std::span<std::byte> page, const SystemCalls& calls);
void write_set_fs_base(std::span<std::byte> page);

// The MSRs that send `syscall` to guest virtual `address` (SDM 3A 5.8.8). If that is 0, all are 0.
std::array<kvm_msr_entry, 3> system_call_msrs(std::uint64_t address);

}  // namespace spry
