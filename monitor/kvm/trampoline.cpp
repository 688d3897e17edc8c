#include "kvm/trampoline.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"
#include "machine/machine_data.h"
#include "machine/probe.h"

extern "C" {
extern const std::byte spry_trampoline[];
extern const std::byte spry_trampoline_probe[];
extern const std::byte spry_trampoline_rax[];
extern const std::byte spry_trampoline_rdx[];
extern const std::byte spry_trampoline_rsp[];
extern const std::byte spry_trampoline_target[];
extern const std::byte spry_trampoline_area[];
}

namespace spry {
namespace {

// The XSAVE area (SDM 1 13.4): the legacy region, the header and, at its place in the standard format, AVX.
constexpr std::size_t kHeader = 512;
constexpr std::size_t kHeaderSize = 64;
constexpr std::size_t kAreaSize = kHeader + kHeaderSize + 256;

std::uint64_t offset_of(const std::byte* label) { return static_cast<std::uint64_t>(label - spry_trampoline); }

std::uint64_t xstate_bv(const kvm_xsave& vectors) {
  std::uint64_t bits;
  std::memcpy(&bits, reinterpret_cast<const std::byte*>(vectors.region) + kHeader, sizeof bits);
  return bits;
}

void put(std::span<std::byte> page, const std::byte* label, std::uint64_t value) {
  std::memcpy(page.subspan(offset_of(label), sizeof value).data(), &value, sizeof value);
}

}  // namespace

bool fits_trampoline(const kvm_xsave& vectors) {
  return (xstate_bv(vectors) & ~(x86::XCR0_X87 | x86::XCR0_SSE | x86::XCR0_AVX)) == 0;
}

void write_trampoline(const Base& base, std::span<std::byte> page) {
  std::copy(spry_trampoline, spry_trampoline_area, page.begin());
  const auto* vectors = reinterpret_cast<const std::byte*>(base.vectors->region);
  const auto area = page.subspan(offset_of(spry_trampoline_area), kAreaSize);
  std::copy_n(vectors, kAreaSize, area.begin());
  // Of the header only XSTATE_BV: parts that it does not name, whichever the CPU has, get their initial state.
  std::fill_n(area.begin() + kHeader + sizeof(std::uint64_t), kHeaderSize - sizeof(std::uint64_t), std::byte{0});
  put(page, spry_trampoline_rax, base.registers.rax);
  put(page, spry_trampoline_rdx, base.registers.rdx);
  put(page, spry_trampoline_rsp, base.registers.rsp);
  set_trampoline_target(page, base.registers.rip);
}

void set_trampoline_target(std::span<std::byte> page, std::uint64_t target) {
  put(page, spry_trampoline_target, target);
}

kvm_regs trampoline_registers(const Base& base) {
  kvm_regs registers = base.registers;
  registers.rip = base.layout.trampoline.start + base.layout.slide;
  registers.rsp = base.layout.stack.end + base.layout.slide;
  return registers;
}

Result<bool> can_use_trampoline(MachineData& machine) {
  if (!fits_trampoline(*machine.base->vectors)) return false;
  Vcpu& vcpu = machine.shell->vcpu;
  kvm_regs registers = machine.base->registers;
  registers.rip = machine.layout().trampoline.start + machine.layout().slide + offset_of(spry_trampoline_probe);
  vcpu.set_registers(registers, machine.base->special);
  auto left = step(machine);
  if (!left || !*left) return left;
  // XRSTOR touches what XCR0 names; without x87 and SSE in it there would be nothing to restore.
  constexpr std::uint64_t kNeeded = x86::XCR0_X87 | x86::XCR0_SSE;
  return (vcpu.registers().rbx & kNeeded) == kNeeded;
}

}  // namespace spry
