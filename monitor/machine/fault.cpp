#include "machine/fault.h"

#include <array>
#include <tuple>
#include <utility>

#include "cpu/instruction.h"
#include "cpu/x86.h"
#include "spry/abi.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

// An access this near to 0 is a null pointer with an offset.
constexpr std::uint64_t kNullEnd = std::uint64_t{64} << 10;
// A fault outside of the guard counts as a stack overflow if its address is at most kBelowFrame below the stack
// pointer, and the stack pointer at most kLargestFrame below the stack.
constexpr std::uint64_t kBelowFrame = std::uint64_t{64} << 10;
constexpr std::uint64_t kLargestFrame = std::uint64_t{1} << 30;
constexpr std::size_t kLongestInstruction = 15;  // SDM 2A 2.3.11

// The bytes of code at `address` that the guest can read, at most as many as an instruction has.
class Code {
 public:
  Code(GuestMemory& memory, std::uint64_t address) {
    while (size_ < bytes_.size() &&
           memory.copy(std::as_writable_bytes(std::span(bytes_).subspan(size_, 1)), GuestPointer{address + size_})) {
      ++size_;
    }
  }
  std::span<const std::uint8_t> bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::array<std::uint8_t, kLongestInstruction> bytes_ = {};
  std::size_t size_ = 0;
};

bool is_syscall_before(GuestMemory& memory, std::uint64_t address) {
  Code code(memory, address - 2);
  return code.bytes().size() >= 2 && code.bytes()[0] == 0x0f && code.bytes()[1] == 0x05;
}

std::string io_words(std::uint16_t port) { return fmt::format("access to I/O port {:#x}", port); }

// True for an address in the guard. Also true for an address near a stack pointer that has left the stack downwards: a
// large frame can jump over the guard, onto whatever lies below it.
bool is_stack_overflow(const GuestMemory& memory, const Layout& layout, std::uint64_t address,
                       std::uint64_t stack_pointer) {
  const std::uint64_t stack_start = layout.stack.start + layout.slide;
  if (address >= layout.guard().start + layout.slide && address < stack_start) return true;
  std::uint64_t beyond = stack_start - stack_pointer;  // wraps to a huge number for a pointer above
  const Region* region = memory.find(stack_pointer);
  bool elsewhere = region != nullptr && region->permissions.write;  // a stack of the guest's own
  return beyond != 0 && beyond <= kLargestFrame && !elsewhere && address < stack_start &&
         address >= stack_pointer - kBelowFrame;
}

FaultKind page_fault_kind(const GuestMemory& memory, const Layout& layout, std::uint64_t error_code,
                          std::uint64_t address, const Registers& registers) {
  if ((error_code & PF_I) != 0) return FaultKind::kExecute;
  const bool null = address < kNullEnd && memory.find(address) == nullptr;
  if (!null && is_stack_overflow(memory, layout, address, registers.rsp)) return FaultKind::kStackOverflow;
  return (error_code & PF_W) != 0 ? FaultKind::kWrite : FaultKind::kRead;
}

std::string page_fault_words(const GuestMemory& memory, const Layout& layout, FaultKind kind, std::uint64_t address) {
  const Region* region = memory.find(address);
  const bool null = address < kNullEnd && region == nullptr;
  const std::uint64_t physical = address - layout.slide;
  if (kind == FaultKind::kExecute) {
    if (null) return fmt::format("null pointer execution at {:#x}", address);
    if (region == nullptr) {
      const char* target = physical < SPRY_IMAGE_MIN ? "into the monitor's" : "to unmapped";
      return fmt::format("jump {} memory at {:#x}", target, address);
    }
    const bool stack = physical >= layout.stack.start && physical < layout.shared.end;
    return fmt::format("executed {} at {:#x}", stack ? "the stack" : "data", address);
  }
  if (kind == FaultKind::kStackOverflow) return fmt::format("stack overflow at {:#x}", address);
  const bool write = kind == FaultKind::kWrite;
  const char* verb = write ? "write" : "read";
  if (null) return fmt::format("null pointer {} at {:#x}", verb, address);
  if (region == nullptr) {
    if (physical < SPRY_IMAGE_MIN) return fmt::format("{} of the monitor's memory at {:#x}", verb, address);
    return fmt::format("{} of unmapped memory at {:#x}", verb, address);
  }
  if (write && region->permissions.execute) return fmt::format("write to code at {:#x}", address);
  if (write && !region->permissions.write) return fmt::format("write to read-only memory at {:#x}", address);
  return fmt::format("{} refused at {:#x}", verb, address);
}

// These are also the words for a stack fault, because an emulated AMD CPU reports it as a general protection fault.
constexpr const char* kGeneralProtection =
    "general protection fault (an address that is not canonical, a misaligned vector operand, or a privileged "
    "instruction)";

// The instruction that raised a general protection fault, if it is one that a guest may not execute; else empty.
std::string instruction_words(GuestMemory& memory, std::span<const std::uint8_t> code, std::uint64_t error_code,
                              const Registers& registers) {
  if (auto io = decode_io(code)) return io_words(io->port ? *io->port : static_cast<std::uint16_t>(registers.rdx));
  if (std::string name = name_forbidden(code); !name.empty()) return name;
  // For `int n`, an emulated AMD CPU reports a RIP past the instruction.
  if ((error_code & GP_IDT) != 0) {
    return name_forbidden(Code(memory, registers.rip - 2).bytes());
  }
  return {};
}

std::string general_protection_words(std::uint64_t error_code) {
  if (error_code != 0) return fmt::format("general protection fault with error code {:#x}", error_code);
  return kGeneralProtection;
}

bool is_arithmetic(unsigned vector) { return vector == DE || vector == MF || vector == XM; }

const char* simple_words(unsigned vector) {
  switch (vector) {
    case DE:
      return "integer division by zero or overflow";
    case DB:
      return "debug trap";
    case BP:
      return "breakpoint (int3)";
    case OF:
      return "overflow trap (int 4)";
    case BR:
      return "bound range exceeded";
    case NM:
      return "floating-point unit not available";
    case TS:
      return "invalid task state segment";
    case NP:
      return "segment not present";
    case SS:
      return kGeneralProtection;
    case MF:
      return "x87 floating-point exception";
    case AC:
      return "misaligned access with alignment checks on";
    case XM:
      return "SIMD floating-point exception";
    default:
      return nullptr;
  }
}

}  // namespace

Fault explain_exception(GuestMemory& memory, const Layout& layout, const Exit& exit, const Registers& registers) {
  const auto [vector, error_code, address] = std::tuple(exit.vector, exit.error_code, exit.address);
  Fault fault = {.words = {}, .registers = registers};
  Code code(memory, registers.rip);
  // Without hardware virtualization, `syscall` jumps to LSTAR, which is 0, instead of raising #UD.
  if (vector == PF && registers.rip == 0 && address == 0 && is_syscall_before(memory, registers.rcx)) {
    fault.registers.rip = registers.rcx - 2;
    fault.words = "system call instruction (syscall)";
    fault.kind = FaultKind::kInstruction;
  } else if (vector == PF) {
    fault.kind = page_fault_kind(memory, layout, error_code, address, registers);
    fault.words = page_fault_words(memory, layout, fault.kind, address);
    fault.address = address;
  } else if (vector == UD) {
    fault.words = name_forbidden(code.bytes());
    if (fault.words.empty()) fault.words = "invalid instruction";
    fault.kind = FaultKind::kInstruction;
  } else if (vector == GP) {
    const std::string name = instruction_words(memory, code.bytes(), error_code, registers);
    fault.words = name.empty() ? general_protection_words(error_code) : name;
    if (!name.empty()) fault.kind = FaultKind::kInstruction;
  } else if (const char* words = simple_words(vector)) {
    fault.words = words;
    if (is_arithmetic(vector)) fault.kind = FaultKind::kArithmetic;
  } else {
    fault.words = fmt::format("exception {}", vector);
  }
  return fault;
}

Fault explain_io(GuestMemory& memory, std::uint16_t port, const Registers& registers) {
  Fault fault = {io_words(port), registers, FaultKind::kInstruction};
  // RIP is at the instruction, or at its end.
  if (decode_io(Code(memory, registers.rip).bytes())) return fault;
  for (std::uint64_t size = 1; size <= 4; ++size) {
    auto io = decode_io(Code(memory, registers.rip - size).bytes());
    if (io && io->size == size) {
      fault.registers.rip = registers.rip - size;
      break;
    }
  }
  return fault;
}

Fault explain_death(GuestMemory& memory, const std::string& words, const Registers& registers) {
  std::string name = name_forbidden(Code(memory, registers.rip).bytes());
  return {name.empty() ? words : name, registers, name.empty() ? FaultKind::kOther : FaultKind::kInstruction};
}

}  // namespace spry
