#include "cpu/registers.h"

#include <cstring>

#include "cpu/x86.h"

namespace spry {

VectorState initial_vectors() {
  constexpr std::size_t kMxcsrOffset = 24;  // SDM 1 table 10-2
  VectorState vectors;
  std::memcpy(vectors.area.data(), &x86::FCW_RESET, sizeof x86::FCW_RESET);
  std::memcpy(vectors.area.data() + kMxcsrOffset, &x86::MXCSR_RESET, sizeof x86::MXCSR_RESET);
  set_xstate_bv(vectors, x86::XCR0_X87 | x86::XCR0_SSE);
  return vectors;
}

std::uint64_t xstate_bv(const VectorState& vectors) {
  std::uint64_t value = 0;
  std::memcpy(&value, vectors.area.data() + x86::XSAVE_HEADER, sizeof value);
  return value;
}

void set_xstate_bv(VectorState& vectors, std::uint64_t value) {
  std::memcpy(vectors.area.data() + x86::XSAVE_HEADER, &value, sizeof value);
}

}  // namespace spry
