#include "cpu/instruction.h"

#include "text/format.h"

namespace spry {
namespace {

constexpr bool is_prefix(std::uint8_t byte) {
  switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
      return true;
    default:
      return byte >= 0x40 && byte <= 0x4f;  // REX
  }
}

std::span<const std::uint8_t> skip_prefixes(std::span<const std::uint8_t> code) {
  while (!code.empty() && is_prefix(code[0])) code = code.subspan(1);
  return code;
}

// Instructions of the two-byte map (SDM 2D table A-3).
std::string name_two_byte(std::uint8_t opcode) {
  auto privileged = [](const char* name) { return fmt::format("privileged instruction ({})", name); };
  switch (opcode) {
    case 0x00:
      return privileged("lldt or ltr");
    case 0x01:
      return privileged("lgdt, lidt, invlpg, vmrun or the like");
    case 0x05:
      return "system call instruction (syscall)";
    case 0x06:
      return privileged("clts");
    case 0x07:
      return privileged("sysret");
    case 0x08:
    case 0x09:
      return privileged("invd or wbinvd");
    case 0x0b:
      return "invalid instruction (ud2: a compiler's trap)";
    case 0x20:
    case 0x22:
      return privileged("mov of a control register");
    case 0x21:
    case 0x23:
      return privileged("mov of a debug register");
    case 0x30:
      return privileged("wrmsr");
    case 0x32:
      return privileged("rdmsr");
    case 0x33:
      return privileged("rdpmc");
    case 0x34:
      return "system call instruction (sysenter)";
    case 0x35:
      return privileged("sysexit");
    default:
      return {};
  }
}

}  // namespace

std::optional<IoInstruction> decode_io(std::span<const std::uint8_t> code) {
  std::span<const std::uint8_t> rest = skip_prefixes(code);
  if (rest.empty()) return std::nullopt;
  auto prefixes = static_cast<unsigned>(code.size() - rest.size());
  switch (rest[0]) {
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
      if (rest.size() < 2) return std::nullopt;
      return IoInstruction{rest[1], prefixes + 2};
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
      return IoInstruction{std::nullopt, prefixes + 1};
    default:
      return std::nullopt;
  }
}

bool left_by_out(std::span<const std::uint8_t> before, std::span<const std::uint8_t> after, std::uint8_t port) {
  constexpr std::uint8_t kOutImmediate = 0xe7;
  constexpr std::uint8_t kOutDx = 0xef;
  const std::size_t size = before.size();
  const bool immediate = size >= 2 && before[size - 2] == kOutImmediate && before[size - 1] == port;
  if (!immediate && (size == 0 || before[size - 1] != kOutDx)) return false;
  const std::span<const std::uint8_t> next = skip_prefixes(after);
  return !next.empty() && !(next[0] >= 0x6c && next[0] <= 0x6f);
}

std::string name_forbidden(std::span<const std::uint8_t> code) {
  std::span<const std::uint8_t> rest = skip_prefixes(code);
  if (rest.empty()) return {};
  switch (rest[0]) {
    case 0x0f:
      return rest.size() >= 2 ? name_two_byte(rest[1]) : std::string();
    case 0xcd:
      return rest.size() >= 2 ? fmt::format("software interrupt {:#x}", rest[1]) : std::string();
    case 0xf1:
      return "debug trap";
    case 0xf4:
      return "privileged instruction (hlt)";
    case 0xfa:
      return "privileged instruction (cli)";
    case 0xfb:
      return "privileged instruction (sti)";
    default:
      return {};
  }
}

}  // namespace spry
