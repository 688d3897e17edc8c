// What a guest did that it may not do, in words: the same words on every host, however the host reports it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cpu/registers.h"
#include "memory/guest_memory.h"
#include "memory/layout.h"
#include "platform/exit.h"
#include "spry/crash.h"

namespace spry {

struct Fault {
  std::string words;    // "null pointer write at 0x0"
  Registers registers;  // the guest's at the instruction that faulted
  FaultKind kind = FaultKind::kOther;
  std::optional<std::uint64_t> address = {};  // of the access, for the kinds that have one
};

// The words for an exception; `registers` are the guest's.
Fault explain_exception(GuestMemory& memory, const Layout& layout, const Exit& exit, const Registers& registers);

// The words for an I/O instruction other than a hypercall, for hosts that let it leave the guest. The host decides
// whether RIP is at the instruction or past it; in the answer RIP is at the instruction.
Fault explain_io(GuestMemory& memory, std::uint16_t port, const Registers& registers);

// The words for what the guest's CPU did not survive: those of the instruction at RIP if it is one that a guest may not
// execute, else `words`.
Fault explain_death(GuestMemory& memory, const std::string& words, const Registers& registers);

}  // namespace spry
