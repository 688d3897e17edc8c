// The instruction of a hypercall. In a process it raises a general-protection fault.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace spry {

struct HypercallInstruction {
  unsigned size = 0;   // bytes
  bool plain = false;  // `out %eax, $0x7e` without prefixes: as long as `syscall`
};

// The OUT of 32 bits to SPRY_HYPERCALL_PORT at the start of `code`, with the port in it or in DX.
std::optional<HypercallInstruction> decode_hypercall(std::span<const std::uint8_t> code, std::uint64_t rdx);

}  // namespace spry
