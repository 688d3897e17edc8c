// What the kernel leaves on the gate stack when a guest's process gets a signal (sigreturn(2), struct rt_sigframe). The
// guest can write there, and can jump to the gate with any pointers. So everything is checked, and copied only once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "cpu/registers.h"

namespace spry {

struct SignalFrame {
  std::int32_t signal = 0;
  std::int32_t code = 0;      // si_code; positive if the kernel raised it
  std::uint64_t address = 0;  // si_addr
  Registers registers;
  std::uint64_t error_code = 0;
  std::uint64_t vector = 0;   // trapno
  std::uint64_t cr2 = 0;      // of vector 14 alone
  std::uint64_t vectors = 0;  // the address of the XSAVE area, or 0
};

// The gate stack, as the monitor sees it, and where the guest has it.
struct GateStack {
  std::span<const std::byte> bytes;
  std::uint64_t address = 0;

  // What lies at the guest's `pointer`, if all of it is within.
  std::optional<std::span<const std::byte>> find(std::uint64_t pointer, std::uint64_t size) const;
};

// The frame that a handler was called with: `siginfo` and `ucontext` are its arguments. Nothing if one of them does not
// point into the gate stack, so that it is forged.
std::optional<SignalFrame> read_signal_frame(const GateStack& stack, std::uint64_t siginfo, std::uint64_t ucontext);

// The vectors of a frame. Parts in their initial state are left out, so that equal states are equal bytes. Null if
// `address` is 0 or everything is initial. Nothing if they do not lie in the gate stack, or if no kernel writes them
// so.
std::optional<std::shared_ptr<const VectorState>> read_vectors(const GateStack& stack, std::uint64_t address);

// Makes of `state` an XSAVE area that XRSTOR accepts, whatever the state's bytes are. A null `state` is the one after
// reset.
void write_vectors(std::span<std::byte, VectorState::kSize> area, const VectorState* state);

// Writes the general registers in the order of a signal frame (spry_registers::general).
void to_frame_order(const Registers& registers, std::span<std::uint64_t, 15> general);

// RFLAGS that a guest may have: bit 1 and IF are set, and no flag that needs privilege.
std::uint64_t user_flags(std::uint64_t rflags);

}  // namespace spry
