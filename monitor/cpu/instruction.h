// Just enough of x86-64's instruction encoding (SDM 2A 2.1) to name the instructions that a guest may not execute.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace spry {

struct IoInstruction {
  std::optional<std::uint8_t> port;  // immediate; else the port is in DX
  unsigned size = 0;                 // bytes of the instruction
};

// The IN, OUT, INS or OUTS at the start of `code`.
std::optional<IoInstruction> decode_io(std::span<const std::uint8_t> code);

// Whether a vCPU that left with RIP between `before` and `after` has finished its instruction. True if `before` ends
// with the OUT of a hypercall (`out %eax, $port` or `out %eax, %dx`), and `after` does not begin with string I/O. RIP
// is always past an OUT, but it may be at an OUTS.
bool left_by_out(std::span<const std::uint8_t> before, std::span<const std::uint8_t> after, std::uint8_t port);

// A name in words for the instruction at the start of `code` if it is one that needs privilege or a kernel:
// "privileged instruction (hlt)", "software interrupt 0x80", "system call instruction (syscall)"; else empty.
std::string name_forbidden(std::span<const std::uint8_t> code);

}  // namespace spry
