// CPU features that a manifest asks for (SPRY_FEATURE_*).
#pragma once

#include <cstdint>

#include "spry/abi.h"

namespace spry {

// The features and those that they need: AVX-512 brings AVX, which is enabled through XSAVE.
constexpr std::uint64_t with_implied(std::uint64_t features) {
  if ((features & SPRY_FEATURE_AVX512) != 0) features |= SPRY_FEATURE_AVX;
  if ((features & SPRY_FEATURE_AVX) != 0) features |= SPRY_FEATURE_XSAVE;
  return features;
}

}  // namespace spry
