#include "cpu/registers.h"

#include <algorithm>
#include <cstring>

#include "cpu/x86.h"

namespace spry {

VectorState initial_vectors() {
  VectorState vectors;
  std::memcpy(vectors.area.data(), &x86::FCW_RESET, sizeof x86::FCW_RESET);
  std::memcpy(vectors.area.data() + x86::XSAVE_MXCSR, &x86::MXCSR_RESET, sizeof x86::MXCSR_RESET);
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

void normalise(VectorState& vectors) {
  using namespace x86;
  auto& area = vectors.area;
  std::uint32_t mxcsr;
  std::memcpy(&mxcsr, area.data() + XSAVE_MXCSR, sizeof mxcsr);
  mxcsr &= MXCSR_MASK;
  std::memcpy(area.data() + XSAVE_MXCSR, &mxcsr, sizeof mxcsr);
  std::fill(area.begin() + XSAVE_SOFTWARE, area.begin() + XSAVE_HEADER, std::byte{0});
  const std::uint64_t used = (xstate_bv(vectors) & XCR0_GUEST) | XCR0_X87 | XCR0_SSE;
  std::fill_n(area.begin() + XSAVE_HEADER, XSAVE_HEADER_SIZE, std::byte{0});
  set_xstate_bv(vectors, used);
}

}  // namespace spry
