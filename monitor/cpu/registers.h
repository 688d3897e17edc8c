// What a guest at CPL 3 has of the CPU, on every platform.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "spry/crash.h"  // Registers, in the order of struct kvm_regs (kvm/state.cpp asserts it)
#include "spry/image.h"

namespace spry {

// A data segment register: its selector, and the base that 64-bit mode uses of FS and GS alone.
struct DataSegment {
  std::uint16_t selector = 0;
  std::uint64_t base = 0;
  bool operator==(const DataSegment&) const = default;
};

// x87, SSE and what else the CPU has, as an XSAVE area in the standard format (SDM 1 13.4): the legacy region of 512
// bytes, the header of 64 and the extended region.
struct VectorState {
  static constexpr std::size_t kSize = 4096;
  alignas(64) std::array<std::byte, kSize> area = {};
};

// The state after reset, with XSTATE_BV naming x87 and SSE.
VectorState initial_vectors();

// Read and set XSTATE_BV: the parts of the area that are in use.
std::uint64_t xstate_bv(const VectorState& vectors);
void set_xstate_bv(VectorState& vectors, std::uint64_t value);

// Leaves in the area only what a guest can have. It clears bits of MXCSR that a CPU refuses, takes away all parts but
// x87, SSE, AVX and AVX-512, names x87 and SSE in any case, and zeroes what is for software or reserved.
void normalise(VectorState& vectors);

// All that differs from one guest to another. CS and SS are always the flat ones of 64-bit user mode.
struct CpuState {
  Registers registers;
  DataSegment ds, es, fs, gs;
  std::shared_ptr<const VectorState> vectors;  // null: as after reset (SDM 3A 10.1.1)
  SystemCalls system_calls;
};

}  // namespace spry
