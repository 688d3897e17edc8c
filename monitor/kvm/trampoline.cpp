#include "kvm/trampoline.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"

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
constexpr std::size_t kAreaSize = x86::XSAVE_HEADER + x86::XSAVE_HEADER_SIZE + 256;

std::uint64_t offset_of(const std::byte* label) { return static_cast<std::uint64_t>(label - spry_trampoline); }

std::uint64_t xstate_bv(const kvm_xsave& vectors) {
  std::uint64_t bits;
  std::memcpy(&bits, reinterpret_cast<const std::byte*>(vectors.region) + x86::XSAVE_HEADER, sizeof bits);
  return bits;
}

void put(std::span<std::byte> page, const std::byte* label, std::uint64_t value) {
  std::memcpy(page.subspan(offset_of(label), sizeof value).data(), &value, sizeof value);
}

}  // namespace

bool fits_trampoline(const kvm_xsave& vectors) {
  return (xstate_bv(vectors) & ~(x86::XCR0_X87 | x86::XCR0_SSE | x86::XCR0_AVX)) == 0;
}

void write_trampoline(std::span<std::byte> page, const Registers& registers, const kvm_xsave& vectors) {
  std::copy(spry_trampoline, spry_trampoline_area, page.begin());
  const auto* bytes = reinterpret_cast<const std::byte*>(vectors.region);
  const auto area = page.subspan(offset_of(spry_trampoline_area), kAreaSize);
  std::copy_n(bytes, kAreaSize, area.begin());
  // Of the header only XSTATE_BV is kept. XRSTOR gives every part of the CPU that XSTATE_BV does not name its initial
  // state.
  std::fill_n(area.begin() + x86::XSAVE_HEADER + sizeof(std::uint64_t), x86::XSAVE_HEADER_SIZE - sizeof(std::uint64_t),
              std::byte{0});
  put(page, spry_trampoline_rax, registers.rax);
  put(page, spry_trampoline_rdx, registers.rdx);
  put(page, spry_trampoline_rsp, registers.rsp);
  set_trampoline_target(page, registers.rip);
}

std::uint64_t trampoline_target(std::span<const std::byte> page) {
  std::uint64_t target;
  std::memcpy(&target, page.subspan(offset_of(spry_trampoline_target), sizeof target).data(), sizeof target);
  return target;
}

void set_trampoline_target(std::span<std::byte> page, std::uint64_t target) {
  put(page, spry_trampoline_target, target);
}

std::uint64_t trampoline_probe_offset() { return offset_of(spry_trampoline_probe); }

}  // namespace spry
