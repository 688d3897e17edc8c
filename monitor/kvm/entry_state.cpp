#include "kvm/entry_state.h"

#include "cpu/x86.h"
#include "kvm/features.h"
#include "kvm/system_page.h"
#include "spry/abi.h"

namespace spry {

using namespace x86;

kvm_sregs entry_special_registers(const Layout& layout, std::uint64_t features) {
  std::uint64_t slide = layout.slide;
  kvm_segment flat = {};
  flat.limit = 0xffffffff;
  flat.present = 1;
  flat.dpl = 3;
  flat.s = 1;
  flat.g = 1;
  kvm_segment null = {};
  null.unusable = 1;

  kvm_sregs special = {};
  special.cs = flat;
  special.cs.selector = kUserCode;
  special.cs.type = 11;  // code, execute/read, accessed
  special.cs.l = 1;
  special.ss = flat;
  special.ss.selector = kUserData;
  special.ss.type = 3;  // data, read/write, accessed
  special.ss.db = 1;
  special.ds = special.es = special.fs = special.gs = special.ldt = null;
  special.fs.base = layout.boot.start + slide;
  special.tr.base = kSystemPage + kTssOffset + slide;
  special.tr.limit = kTssLimit;
  special.tr.selector = kTaskState;
  special.tr.type = 11;  // busy 64-bit TSS: VT-x refuses to enter with an available one
  special.tr.present = 1;
  special.gdt.base = kSystemPage + kGdtOffset + slide;
  special.gdt.limit = kGdtLimit;
  special.idt.base = kSystemPage + kIdtOffset + slide;
  special.idt.limit = kIdtLimit;
  special.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
  special.cr3 = layout.tables.start;
  special.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | cr4_bits(features);
  special.efer = EFER_LME | EFER_LMA | EFER_NXE;
  special.apic_base = APIC_BASE_RESET;
  return special;
}

// IOPL 3 and the TSS's bitmap: some hosts read the one and some the other.
kvm_regs entry_registers(const Layout& layout, std::uint64_t entry) {
  kvm_regs registers = {};
  registers.rip = entry;
  registers.rsp = layout.stack.end + layout.slide;
  registers.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL3;
  registers.rax = SPRY_ENTRY_MAGIC;
  registers.rdi = layout.boot.start + layout.slide;
  return registers;
}

kvm_xsave initial_vector_state() {
  constexpr std::uint32_t kControlWord = 0x37f;
  constexpr std::uint32_t kMxcsr = 0x1f80;
  constexpr std::size_t kMxcsrWord = 6;
  kvm_xsave state = {};
  state.region[0] = kControlWord;
  state.region[kMxcsrWord] = kMxcsr;
  name_legacy_parts(state);
  return state;
}

void name_legacy_parts(kvm_xsave& state) {
  constexpr std::size_t kXstateBvWord = 512 / sizeof(std::uint32_t);
  state.region[kXstateBvWord] |= static_cast<std::uint32_t>(XCR0_X87 | XCR0_SSE);
}

}  // namespace spry
