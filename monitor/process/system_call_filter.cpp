#include "process/system_call_filter.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace spry {
namespace {

constexpr std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }
constexpr std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

constexpr sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

// The places of the program below, for its jumps.
enum : std::uint8_t { kBeyond = 3, kStart = 5, kStartLow = 7, kEnd = 9, kEndLow = 12, kStub = 13 };
enum : std::uint8_t { kRefuse = 15, kTrap = 16, kAllow = 17 };

constexpr sock_filter jump(std::uint16_t test, std::uint8_t at, std::uint32_t value, std::uint8_t then,
                           std::uint8_t otherwise) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), value, static_cast<std::uint8_t>(then - at - 1),
                  static_cast<std::uint8_t>(otherwise - at - 1));
}

}  // namespace

void filter_system_calls(spry_plan& plan, Range own) {
  constexpr std::size_t kArchitecture = offsetof(seccomp_data, arch);
  constexpr std::size_t kLow = offsetof(seccomp_data, instruction_pointer);
  constexpr std::size_t kHigh = kLow + sizeof(std::uint32_t);
  // The instruction pointer is the address behind a call's instruction. So the end of `own` belongs to it, and the
  // start does not.
  const std::array program = {
      /* 0 */ load(kArchitecture),
      /* 1 */ jump(BPF_JEQ, 1, AUDIT_ARCH_X86_64, 2, kAllow),
      /* 2 */ load(kHigh),
      /* 3 */ jump(BPF_JGE, kBeyond, high(SPRY_STUB), kStub, 4),
      /* 4 */ jump(BPF_JGT, 4, high(own.start), kEnd - 1, kStart),
      /* 5 */ jump(BPF_JEQ, kStart, high(own.start), 6, kTrap),
      /* 6 */ load(kLow),
      /* 7 */ jump(BPF_JGT, kStartLow, low(own.start), kEnd - 1, kTrap),
      /* 8 */ load(kHigh),
      /* 9 */ jump(BPF_JGT, kEnd, high(own.end), kTrap, 10),
      /* 10 */ jump(BPF_JEQ, 10, high(own.end), 11, kAllow),
      /* 11 */ load(kLow),
      /* 12 */ jump(BPF_JGT, kEndLow, low(own.end), kTrap, kAllow),
      /* Stub */ load(offsetof(seccomp_data, nr)),
      /* 14 */ jump(BPF_JEQ, kStub + 1, __NR_seccomp, kRefuse, kAllow),
      /* Refuse */ sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      /* Trap */ sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      /* Allow */ sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  static_assert(program.size() <= SPRY_PLAN_FILTER);
  std::copy(program.begin(), program.end(), plan.filter);
  plan.system_calls.len = static_cast<unsigned short>(program.size());
  plan.system_calls.filter = reinterpret_cast<sock_filter*>(SPRY_PLAN + offsetof(spry_plan, filter));
}

}  // namespace spry
