#include "process/hypercall_instruction.h"

#include <algorithm>

#include "cpu/instruction.h"
#include "spry/abi.h"

namespace spry {

std::optional<HypercallInstruction> decode_hypercall(std::span<const std::uint8_t> code, std::uint64_t rdx) {
  constexpr std::uint8_t kOutImmediate = 0xe7;
  constexpr std::uint8_t kOutDx = 0xef;
  constexpr std::uint8_t kOperandSize = 0x66;
  const auto io = decode_io(code);
  if (!io) return std::nullopt;
  const unsigned opcode = io->size - (io->port ? 2 : 1);
  if (code[opcode] != (io->port ? kOutImmediate : kOutDx)) return std::nullopt;
  const auto prefixes = code.first(opcode);
  if (std::find(prefixes.begin(), prefixes.end(), kOperandSize) != prefixes.end()) return std::nullopt;
  const std::uint64_t port = io->port ? *io->port : rdx & 0xffff;
  if (port != SPRY_HYPERCALL_PORT) return std::nullopt;
  return HypercallInstruction{io->size, io->port && opcode == 0};
}

}  // namespace spry
