// The one page of descriptor tables and ring-0 code that a machine has: GDT, TSS with its I/O permission bitmap, IDT,
// and an exception gate for each vector. Mapped supervisor-only and never written by the CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "memory/layout.h"

namespace spry {

// Where KVM's pages lie in Layout::platform, guest-physical.
inline constexpr std::uint64_t kSystemPage = kPlatformStart;
inline constexpr std::uint64_t kGateStack = kSystemPage + 0x1000;
inline constexpr std::uint64_t kPageTables = kGateStack + 0x1000;  // up to the trampoline

// Offsets within the page.
inline constexpr std::uint64_t kGdtOffset = 0x000;
inline constexpr std::uint64_t kTssOffset = 0x080;
inline constexpr std::uint64_t kIdtOffset = 0x200;
inline constexpr std::uint64_t kGatesOffset = 0x800;
inline constexpr std::uint64_t kGateSize = 8;

// Sizes minus one, as GDTR, IDTR and TR want them.
inline constexpr std::uint16_t kGdtLimit = 10 * 8 - 1;
inline constexpr std::uint16_t kIdtLimit = 32 * 16 - 1;
inline constexpr std::uint16_t kTssLimit = 0x68 + 17 + 1 - 1;

// Selectors; the user's are x86::kUserCode and x86::kUserData.
inline constexpr std::uint16_t kKernelCode = 0x10;
inline constexpr std::uint16_t kTaskState = 0x40;

// Fills `page` (4096 zeroed bytes) for a system page at guest virtual `address`, whose gates run on the stack that ends
// at `gate_stack`. Each gate is `out %al, $vector` (the monitor takes over), `add $8, %rsp` (drops the error code),
// `iretq` (for a page fault that the monitor resolved).
void build_system_page(std::span<std::byte> page, std::uint64_t address, std::uint64_t gate_stack);

}  // namespace spry
