// A guest's crash as data; Outcome::message and Outcome::crash say the same in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spry/api.h"

namespace spry {

enum class FaultKind {
  kNone,           // no fault: the guest called abort
  kRead,           // a read of memory that the guest may not read
  kWrite,          // a write to memory that the guest may not write
  kExecute,        // a jump to memory that is not code
  kStackOverflow,  // an access below the stack
  kInstruction,    // an instruction that is privileged, does not exist, or is for I/O
  kArithmetic,     // a division or a floating-point operation without a result
  kOther,          // another fault, which Outcome::message describes
};

// "none", "read", "write", "execute", "stack overflow", "instruction", "arithmetic", "other".
SPRY_API std::string_view to_string(FaultKind kind);

// The general registers, RIP and RFLAGS.
struct Registers {
  std::uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0;
  std::uint64_t rsi = 0, rdi = 0, rsp = 0, rbp = 0;
  std::uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0;
  std::uint64_t r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  std::uint64_t rip = 0, rflags = 0;
  bool operator==(const Registers&) const = default;
};

struct Frame {
  std::uint64_t address = 0;  // guest virtual: of the instruction, or where a caller goes on
  std::string function;       // as Image::symbolize names it; empty if it is not known
};

struct Crash {
  FaultKind kind = FaultKind::kNone;
  std::optional<std::uint64_t> address = {};  // guest virtual, of the access: for the kinds kRead to kStackOverflow
  Registers registers;                        // at the instruction that faulted, or behind the call of abort
  std::vector<Frame> frames;                  // the instruction's first, then its callers', at most 32; never empty
};

}  // namespace spry
