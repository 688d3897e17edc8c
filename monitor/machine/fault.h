// What a guest did that it may not do, in words: the same words on every host, however the host reports it.
#pragma once

#include <cstdint>
#include <string>

#include "kvm/kvm_api.h"
#include "memory/guest_memory.h"
#include "memory/layout.h"

namespace spry {

struct Fault {
  std::string words;   // "null pointer write at 0x0"
  kvm_regs registers;  // the guest's at the instruction that faulted
};

// The words for an exception that came through its gate. `registers` are the guest's; `address` is CR2.
Fault explain_exception(GuestMemory& memory, const Layout& layout, unsigned vector, std::uint64_t error_code,
                        std::uint64_t address, const kvm_regs& registers);

// The words for an I/O instruction other than a hypercall, for hosts that let it leave the guest. RIP is at the
// instruction or past it, depending on the host; in the answer it is at it.
Fault explain_io(GuestMemory& memory, std::uint16_t port, const kvm_regs& registers);

// The words for an exit of another kind, after which the vCPU cannot go on: a triple fault, or an instruction that KVM
// could not execute.
Fault explain_exit(GuestMemory& memory, std::uint32_t exit_reason, const kvm_regs& registers);

}  // namespace spry
