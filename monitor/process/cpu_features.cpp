#include "process/cpu_features.h"

#include <cpuid.h>

#include "cpu/x86.h"
#include "spry/abi.h"

namespace spry {
namespace {

using namespace x86;

constexpr std::uint32_t CPUID_1_ECX_OSXSAVE = 1u << 27;
constexpr std::uint32_t CPUID_1_ECX_AVX = 1u << 28;
// F, DQ, CD, BW, VL: what SPRY_FEATURE_AVX512 promises.
constexpr std::uint32_t CPUID_7_EBX_AVX512 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;

struct Cpuid {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Cpuid cpuid(unsigned leaf, unsigned subleaf = 0) {
  Cpuid result;
  __get_cpuid_count(leaf, subleaf, &result.eax, &result.ebx, &result.ecx, &result.edx);
  return result;
}

// XCR0: what the kernel has enabled.
std::uint64_t enabled_parts() {
  std::uint32_t low;
  std::uint32_t high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

}  // namespace

const char* missing_cpu_feature(std::uint64_t features) {
  if ((features & SPRY_FEATURE_FSGSBASE) != 0 && !has_fsgsbase()) return "FSGSBASE";
  if ((features & (SPRY_FEATURE_XSAVE | SPRY_FEATURE_AVX | SPRY_FEATURE_AVX512)) == 0) return nullptr;
  const unsigned basic = cpuid(1).ecx;
  if ((basic & CPUID_1_ECX_OSXSAVE) == 0) return "XSAVE";
  const std::uint64_t parts = enabled_parts();
  if ((features & SPRY_FEATURE_AVX) != 0 && ((basic & CPUID_1_ECX_AVX) == 0 || (parts & XCR0_AVX) == 0)) return "AVX";
  if ((features & SPRY_FEATURE_AVX512) != 0 &&
      ((cpuid(7).ebx & CPUID_7_EBX_AVX512) != CPUID_7_EBX_AVX512 || (parts & XCR0_AVX512) != XCR0_AVX512)) {
    return "AVX512";
  }
  return nullptr;
}

}  // namespace spry
