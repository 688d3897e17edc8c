// Constants of the x86-64 architecture under the manuals' names (Intel SDM volume 3A; AMD APM volume 2).
#pragma once

#include <cstdint>

namespace spry::x86 {

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t kLargePageSize = std::uint64_t{2} << 20;

// Control registers (SDM 3A 2.5).
inline constexpr std::uint64_t CR0_PE = 1u << 0;
inline constexpr std::uint64_t CR0_MP = 1u << 1;
inline constexpr std::uint64_t CR0_ET = 1u << 4;
inline constexpr std::uint64_t CR0_NE = 1u << 5;
inline constexpr std::uint64_t CR0_WP = 1u << 16;
inline constexpr std::uint64_t CR0_AM = 1u << 18;
inline constexpr std::uint64_t CR0_PG = 1u << 31;
inline constexpr std::uint64_t CR4_PAE = 1u << 5;
inline constexpr std::uint64_t CR4_OSFXSR = 1u << 9;
inline constexpr std::uint64_t CR4_OSXMMEXCPT = 1u << 10;
inline constexpr std::uint64_t CR4_FSGSBASE = 1u << 16;
inline constexpr std::uint64_t CR4_OSXSAVE = 1u << 18;

// Extended control register 0 (SDM 1 13.3). The last three are AVX-512's, enabled together or not at all.
inline constexpr std::uint64_t XCR0_X87 = 1u << 0;
inline constexpr std::uint64_t XCR0_SSE = 1u << 1;
inline constexpr std::uint64_t XCR0_AVX = 1u << 2;
inline constexpr std::uint64_t XCR0_OPMASK = 1u << 5;
inline constexpr std::uint64_t XCR0_ZMM_HI256 = 1u << 6;
inline constexpr std::uint64_t XCR0_HI16_ZMM = 1u << 7;
inline constexpr std::uint64_t XCR0_AVX512 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;
// The parts that a guest can have at most; it never has PKRU and AMX.
inline constexpr std::uint64_t XCR0_GUEST = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512;

// IA32_EFER (SDM 3A 2.2.1). Without SCE `syscall` is an invalid instruction.
inline constexpr std::uint64_t EFER_SCE = 1u << 0;
inline constexpr std::uint64_t EFER_LME = 1u << 8;
inline constexpr std::uint64_t EFER_LMA = 1u << 10;
inline constexpr std::uint64_t EFER_NXE = 1u << 11;

// IA32_APIC_BASE after reset: enabled, bootstrap processor, at its default address (SDM 3A 11.4.4).
inline constexpr std::uint64_t APIC_DEFAULT_PHYS_BASE = 0xfee00000;
inline constexpr std::uint64_t APIC_BASE_RESET = APIC_DEFAULT_PHYS_BASE | 0x900;
inline constexpr std::uint32_t MSR_IA32_TSC = 0x10;

// Where `syscall` goes, and which flags it clears (SDM 3A 5.8.8).
inline constexpr std::uint32_t MSR_STAR = 0xc0000081;
inline constexpr std::uint32_t MSR_LSTAR = 0xc0000082;
inline constexpr std::uint32_t MSR_FMASK = 0xc0000084;

// RFLAGS (SDM 3A 2.3).
inline constexpr std::uint64_t RFLAGS_FIXED = 1u << 1;
inline constexpr std::uint64_t RFLAGS_IF = 1u << 9;
inline constexpr std::uint64_t RFLAGS_IOPL3 = 3u << 12;

// The selectors of 64-bit Linux's user segments, which guests have on every platform: on a host without hardware
// virtualization, and in a process, they see these whatever a GDT says.
inline constexpr std::uint16_t kUserData = 0x28 | 3;
inline constexpr std::uint16_t kUserCode = 0x30 | 3;

// x87 and SSE after reset (SDM 3A 10.1.1).
inline constexpr std::uint16_t FCW_RESET = 0x37f;
inline constexpr std::uint32_t MXCSR_RESET = 0x1f80;

// In the XSAVE area's legacy region: the offset of MXCSR, the mask of the bits that a CPU accepts in it (SDM 1 11.6.6),
// and the offset of the bytes, up to the header, that are for software (SDM 1 10.5.1).
inline constexpr std::uint64_t XSAVE_MXCSR = 24;
inline constexpr std::uint32_t MXCSR_MASK = 0xffff;
inline constexpr std::uint64_t XSAVE_SOFTWARE = 464;

// The XSAVE area's header (SDM 1 13.4.2), which begins with XSTATE_BV.
inline constexpr std::uint64_t XSAVE_HEADER = 512;
inline constexpr std::uint64_t XSAVE_HEADER_SIZE = 64;

// Debug registers after reset (SDM 3A 17.2).
inline constexpr std::uint64_t DR6_RESET = 0xffff0ff0;
inline constexpr std::uint64_t DR7_RESET = 0x400;

// Paging-structure entries (SDM 3A 4.5).
inline constexpr std::uint64_t PTE_P = 1u << 0;
inline constexpr std::uint64_t PTE_RW = 1u << 1;
inline constexpr std::uint64_t PTE_US = 1u << 2;
inline constexpr std::uint64_t PTE_A = 1u << 5;
inline constexpr std::uint64_t PTE_D = 1u << 6;
inline constexpr std::uint64_t PTE_PS = 1u << 7;
inline constexpr std::uint64_t PTE_XD = std::uint64_t{1} << 63;

// Page-fault error code (SDM 3A 4.7).
inline constexpr std::uint64_t PF_P = 1u << 0;
inline constexpr std::uint64_t PF_W = 1u << 1;
inline constexpr std::uint64_t PF_U = 1u << 2;
inline constexpr std::uint64_t PF_I = 1u << 4;

// The selector error code's bit for "in the IDT" (SDM 3A 6.13).
inline constexpr std::uint64_t GP_IDT = 1u << 1;

// Exception vectors (SDM 3A 6.3.1).
inline constexpr unsigned kVectors = 32;
inline constexpr unsigned DE = 0, DB = 1, BP = 3, OF = 4, BR = 5, UD = 6, NM = 7, DF = 8, TS = 10, NP = 11, SS = 12,
                          GP = 13, PF = 14, MF = 16, AC = 17, XM = 19;

// True for the vectors that push an error code.
constexpr bool has_error_code(unsigned vector) {
  return vector == DF || (vector >= TS && vector <= PF) || vector == AC || vector == 21 || vector == 29 || vector == 30;
}

constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t unit) { return value / unit * unit; }
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace spry::x86
