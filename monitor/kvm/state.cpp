#include "kvm/state.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>

#include "cpu/x86.h"
#include "kvm/features.h"
#include "kvm/system_page.h"

namespace spry {

using namespace x86;

static_assert(sizeof(Registers) == sizeof(kvm_regs));
static_assert(offsetof(Registers, rsi) == offsetof(kvm_regs, rsi));
static_assert(offsetof(Registers, rsp) == offsetof(kvm_regs, rsp));
static_assert(offsetof(Registers, rbp) == offsetof(kvm_regs, rbp));
static_assert(offsetof(Registers, r8) == offsetof(kvm_regs, r8));
static_assert(offsetof(Registers, r15) == offsetof(kvm_regs, r15));
static_assert(offsetof(Registers, rip) == offsetof(kvm_regs, rip));
static_assert(offsetof(Registers, rflags) == offsetof(kvm_regs, rflags));
static_assert(VectorState::kSize == sizeof(kvm_xsave));

namespace {

constexpr kvm_segment kNull = {.base = 0,
                               .limit = 0,
                               .selector = 0,
                               .type = 0,
                               .present = 0,
                               .dpl = 0,
                               .db = 0,
                               .s = 0,
                               .l = 0,
                               .g = 0,
                               .avl = 0,
                               .unusable = 1,
                               .padding = 0};

kvm_segment flat(std::uint16_t selector) {
  kvm_segment segment = {};
  segment.limit = 0xffffffff;
  segment.selector = selector;
  segment.present = 1;
  segment.dpl = 3;
  segment.s = 1;
  segment.g = 1;
  return segment;
}

kvm_segment flat_data(std::uint16_t selector) {
  kvm_segment segment = flat(selector);
  segment.type = 3;  // data, read/write, accessed
  segment.db = 1;
  return segment;
}

kvm_segment to_kvm(const DataSegment& segment) {
  kvm_segment to = (segment.selector & ~3u) == 0 ? kNull : flat_data(segment.selector);
  to.selector = segment.selector;
  to.base = segment.base;
  return to;
}

DataSegment from_kvm(const kvm_segment& segment) { return {segment.selector, segment.base}; }

}  // namespace

kvm_sregs to_kvm_special(const Layout& layout, std::uint64_t features, const CpuState& state) {
  std::uint64_t slide = layout.slide;
  kvm_sregs special = {};
  special.cs = flat(kUserCode);
  special.cs.type = 11;  // code, execute/read, accessed
  special.cs.l = 1;
  special.ss = flat_data(kUserData);
  special.ds = to_kvm(state.ds);
  special.es = to_kvm(state.es);
  special.fs = to_kvm(state.fs);
  special.gs = to_kvm(state.gs);
  special.ldt = kNull;
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
  special.cr3 = kPageTables;
  special.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | cr4_bits(features);
  special.efer = EFER_LME | EFER_LMA | EFER_NXE | (state.system_calls.served() ? EFER_SCE : 0);
  special.apic_base = APIC_BASE_RESET;
  return special;
}

kvm_regs to_kvm(const Registers& registers) {
  auto to = std::bit_cast<kvm_regs>(registers);
  to.rflags |= RFLAGS_IOPL3;
  return to;
}

kvm_xsave to_kvm(const VectorState& vectors, std::uint64_t features) {
  VectorState allowed = vectors;
  set_xstate_bv(allowed, (xstate_bv(vectors) & xcr0_bits(features)) | XCR0_X87 | XCR0_SSE);
  kvm_xsave to;
  std::memcpy(&to, allowed.area.data(), sizeof to);
  return to;
}

void name_legacy_parts(kvm_xsave& vectors) {
  vectors.region[XSAVE_HEADER / sizeof(std::uint32_t)] |= static_cast<std::uint32_t>(XCR0_X87 | XCR0_SSE);
}

bool same_vectors(const kvm_xsave& one, const kvm_xsave& other) {
  const auto bytes = [](const kvm_xsave& vectors) { return std::as_bytes(std::span(&vectors, 1)); };
  const auto same = [&](std::size_t start, std::size_t end) {
    return std::ranges::equal(bytes(one).subspan(start, end - start), bytes(other).subspan(start, end - start));
  };
  return same(0, XSAVE_SOFTWARE) && same(XSAVE_HEADER, sizeof one);
}

CpuState from_kvm(const kvm_regs& registers, const kvm_sregs& special, const kvm_xsave& vectors) {
  CpuState state;
  state.registers = std::bit_cast<Registers>(registers);
  state.registers.rflags &= ~RFLAGS_IOPL3;
  state.ds = from_kvm(special.ds);
  state.es = from_kvm(special.es);
  state.fs = from_kvm(special.fs);
  state.gs = from_kvm(special.gs);
  auto to = std::make_shared<VectorState>();
  std::memcpy(to->area.data(), &vectors, sizeof vectors);
  set_xstate_bv(*to, xstate_bv(*to) | XCR0_X87 | XCR0_SSE);
  state.vectors = std::move(to);
  return state;
}

}  // namespace spry
