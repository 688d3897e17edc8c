#include "kvm/system_calls.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"
#include "kvm/system_page.h"

extern "C" {
extern const std::byte spry_system_calls[];
extern const std::byte spry_system_calls_frame[];
extern const std::byte spry_system_calls_end[];
}

namespace spry {

using namespace x86;

void write_system_calls(std::span<std::byte> page, const SystemCalls& calls) {
  const auto to = page.subspan(kSystemCallsOffset);
  std::copy(spry_system_calls, spry_system_calls_end, to.begin());
  const std::array<std::uint64_t, 5> frame = {calls.entry, kUserCode, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL3,
                                              calls.stack, kUserData};
  std::memcpy(&to[static_cast<std::size_t>(spry_system_calls_frame - spry_system_calls)], frame.data(), sizeof frame);
}

void write_set_fs_base(std::span<std::byte> page) {
  constexpr std::array<std::uint8_t, 8> kCode = {0xf3, 0x48, 0x0f, 0xae, 0xd6,  // wrfsbase %rsi
                                                 0x41, 0xff, 0xe0};             // jmp *%r8
  std::memcpy(page.subspan(kSetFsBaseOffset).data(), kCode.data(), kCode.size());
}

// STAR names the ring-0 code selector; the data selector follows it in the GDT. `syscall` clears all flags: IF, because
// nothing here serves an interrupt, TF, which would single-step, and NT, with which IRETQ faults.
std::array<kvm_msr_entry, 3> system_call_msrs(std::uint64_t address) {
  constexpr std::uint64_t kAllFlags = 0xffffffff;
  const std::uint64_t star = address == 0 ? 0 : std::uint64_t{kKernelCode} << 32;
  const std::uint64_t mask = address == 0 ? 0 : kAllFlags & ~RFLAGS_FIXED;
  return {{{MSR_STAR, 0, star}, {MSR_LSTAR, 0, address}, {MSR_FMASK, 0, mask}}};
}

}  // namespace spry
