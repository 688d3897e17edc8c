#include "kvm/features.h"

#include <algorithm>
#include <vector>

#include "cpu/x86.h"
#include "spry/abi.h"
#include "text/format.h"

namespace spry {
namespace {

using namespace x86;

// CPUID bits (SDM 2A "CPUID").
constexpr std::uint32_t CPUID_1_ECX_XSAVE = 1u << 26;
constexpr std::uint32_t CPUID_1_ECX_OSXSAVE = 1u << 27;
constexpr std::uint32_t CPUID_1_ECX_AVX = 1u << 28;
constexpr std::uint32_t CPUID_1_ECX_FMA = 1u << 12;
constexpr std::uint32_t CPUID_1_ECX_F16C = 1u << 29;
constexpr std::uint32_t CPUID_1_ECX_PLAIN = 1u << 0 | 1u << 1 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 22 |
                                            1u << 23 | 1u << 25 | 1u << 30;  // SSE3 to SSE4.2, CX16, MOVBE, AES ...
constexpr std::uint32_t CPUID_1_EDX_PLAIN = 0x0789a97f & ~(1u << 9);         // FPU to SSE2, without APIC
constexpr std::uint32_t CPUID_7_EBX_FSGSBASE = 1u << 0;
constexpr std::uint32_t CPUID_7_EBX_AVX2 = 1u << 5;
constexpr std::uint32_t CPUID_7_EBX_AVX512F = 1u << 16;
constexpr std::uint32_t CPUID_7_EBX_AVX512DQ = 1u << 17;
constexpr std::uint32_t CPUID_7_EBX_AVX512CD = 1u << 28;
constexpr std::uint32_t CPUID_7_EBX_AVX512BW = 1u << 30;
constexpr std::uint32_t CPUID_7_EBX_AVX512VL = 1u << 31;
// What SPRY_FEATURE_AVX512 promises.
constexpr std::uint32_t CPUID_7_EBX_AVX512 =
    CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ | CPUID_7_EBX_AVX512CD | CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL;
constexpr std::uint32_t CPUID_7_EBX_PLAIN =
    1u << 3 | 1u << 8 | 1u << 9 | 1u << 18 | 1u << 19;                   // BMI, ERMS, RDSEED, ADX
constexpr std::uint32_t CPUID_80000001_ECX_PLAIN = 1u << 0 | 1u << 5;    // LAHF, LZCNT
constexpr std::uint32_t CPUID_80000001_EDX_PLAIN = 1u << 20 | 1u << 29;  // NX, LM

constexpr std::uint32_t kLastBasicLeaf = 0xd;
constexpr std::uint32_t kLastExtendedLeaf = 0x80000008;

// On this platform both features are the same instructions.
constexpr std::uint64_t kBases = SPRY_FEATURE_FSGSBASE | SPRY_FEATURE_FSBASE;

bool has(std::uint64_t features, std::uint64_t feature) { return (features & feature) != 0; }

// Whether XCR0 has this part of the XSAVE area, by the index of its sub-leaf.
bool has_part(std::uint64_t features, std::uint32_t index) {
  return index < 64 && (xcr0_bits(features) >> index & 1) != 0;
}

// Reduces an entry that KVM supports to what is allowed. False if nothing is left of it.
bool allow(kvm_cpuid_entry2& entry, std::uint64_t features) {
  bool xsave = has(features, SPRY_FEATURE_XSAVE);
  bool avx = has(features, SPRY_FEATURE_AVX);
  switch (entry.function) {
    case 0:
      entry.eax = std::min(entry.eax, kLastBasicLeaf);
      return true;
    case 1:
      entry.ebx = 0;
      entry.ecx &= CPUID_1_ECX_PLAIN | (xsave ? CPUID_1_ECX_XSAVE | CPUID_1_ECX_OSXSAVE : 0) |
                   (avx ? CPUID_1_ECX_AVX | CPUID_1_ECX_FMA | CPUID_1_ECX_F16C : 0);
      entry.edx &= CPUID_1_EDX_PLAIN;
      return true;
    case 7:
      if (entry.index != 0) return false;
      entry.eax = 0;
      entry.ebx &= CPUID_7_EBX_PLAIN | (has(features, kBases) ? CPUID_7_EBX_FSGSBASE : 0) |
                   (avx ? CPUID_7_EBX_AVX2 : 0) | (has(features, SPRY_FEATURE_AVX512) ? CPUID_7_EBX_AVX512 : 0);
      entry.ecx = 0;
      entry.edx = 0;
      return true;
    case 0xd:
      if (!xsave || (entry.index > 1 && !has_part(features, entry.index))) return false;
      if (entry.index == 0) {
        entry.eax &= static_cast<std::uint32_t>(xcr0_bits(features));
        entry.edx = 0;
      } else if (entry.index == 1) {
        entry.eax &= 1;  // XSAVEOPT
        entry.ecx = 0;
        entry.edx = 0;
      }
      return true;
    case 0x80000000:
      entry.eax = std::min(entry.eax, kLastExtendedLeaf);
      return true;
    case 0x80000001:
      entry.ecx &= CPUID_80000001_ECX_PLAIN;
      entry.edx &= CPUID_80000001_EDX_PLAIN;
      return true;
    case 0x80000008:
      entry.ebx = 0;
      entry.ecx = 0;
      return true;
    default:
      return false;
  }
}

// The name of the first feature asked for that KVM does not support, or null.
const char* missing_feature(const std::vector<kvm_cpuid_entry2>& supported, std::uint64_t features) {
  auto bits = [&supported](std::uint32_t function, auto member) {
    auto entry = std::find_if(supported.begin(), supported.end(), [function](const kvm_cpuid_entry2& candidate) {
      return candidate.function == function && candidate.index == 0;
    });
    return entry == supported.end() ? 0u : (*entry).*member;
  };
  if (has(features, kBases) && !(bits(7, &kvm_cpuid_entry2::ebx) & CPUID_7_EBX_FSGSBASE)) {
    return "FSGSBASE";
  }
  if (has(features, SPRY_FEATURE_XSAVE) && !(bits(1, &kvm_cpuid_entry2::ecx) & CPUID_1_ECX_XSAVE)) return "XSAVE";
  if (has(features, SPRY_FEATURE_AVX) &&
      (!(bits(1, &kvm_cpuid_entry2::ecx) & CPUID_1_ECX_AVX) || !(bits(0xd, &kvm_cpuid_entry2::eax) & XCR0_AVX))) {
    return "AVX";
  }
  if (has(features, SPRY_FEATURE_AVX512) &&
      ((bits(7, &kvm_cpuid_entry2::ebx) & CPUID_7_EBX_AVX512) != CPUID_7_EBX_AVX512 ||
       (bits(0xd, &kvm_cpuid_entry2::eax) & XCR0_AVX512) != XCR0_AVX512)) {
    return "AVX512";
  }
  return nullptr;
}

}  // namespace

bool needs_cpuid(std::uint64_t features) {
  return has(features, kBases | SPRY_FEATURE_XSAVE | SPRY_FEATURE_AVX | SPRY_FEATURE_AVX512);
}

std::uint64_t xcr0_bits(std::uint64_t features) {
  return XCR0_X87 | XCR0_SSE | (has(features, SPRY_FEATURE_AVX) ? XCR0_AVX : 0) |
         (has(features, SPRY_FEATURE_AVX512) ? XCR0_AVX512 : 0);
}

std::uint64_t cr4_bits(std::uint64_t features) {
  return (has(features, kBases) ? CR4_FSGSBASE : 0) | (has(features, SPRY_FEATURE_XSAVE) ? CR4_OSXSAVE : 0);
}

Result<void> enable_features(const Kvm& kvm, VcpuIoctls& vcpu, std::uint64_t features, const std::string& path) {
  auto supported = kvm.supported_cpuid();
  if (!supported) return tl::unexpected(supported.error());
  if (const char* name = missing_feature(*supported, features)) {
    return fail(ErrorCode::kNotUnikernel, fmt::format("{}: it needs {}, which KVM does not offer here", path, name));
  }
  std::vector<kvm_cpuid_entry2> allowed;
  for (kvm_cpuid_entry2 entry : *supported) {
    if (allow(entry, features)) allowed.push_back(entry);
  }
  if (auto set = vcpu.set_cpuid(allowed); !set) return set;
  if (has(features, SPRY_FEATURE_XSAVE)) return vcpu.set_xcr0(xcr0_bits(features));
  return {};
}

}  // namespace spry
