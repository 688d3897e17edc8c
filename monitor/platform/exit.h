// Why a guest left.
#pragma once

#include <cstdint>
#include <string>

#include "spry/error.h"

namespace spry {

struct Exit {
  enum class Kind {
    kHypercall,    // RAX has its number, RDI, RSI, RDX, R10 and R8 its arguments; RIP is behind the instruction
    kException,    // `vector`, `error_code` and, for a page fault, `address` (CR2); all registers are the guest's
    kPort,         // an I/O instruction other than a hypercall, at `port`; RIP is at it or behind it
    kInterrupted,  // a signal, the deadline or Machine::interrupt; the guest can go on
    kCpuLimit,     // the host lets the guest use no more processor time: `words` say which limit; it ends here
    kDead,         // the guest did what its CPU does not survive: `words` say what; only destroying it is left
    kFailed,       // the monitor or the host failed: `error`; only destroying it is left
  };
  Kind kind = Kind::kFailed;
  unsigned vector = 0;
  std::uint64_t error_code = 0;
  std::uint64_t address = 0;
  std::uint16_t port = 0;
  std::string words = {};
  Error error = {};
};

}  // namespace spry
