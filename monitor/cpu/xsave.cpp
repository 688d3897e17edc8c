#include "cpu/xsave.h"

#include <cpuid.h>

namespace spry {

XsavePart xsave_part(unsigned index) {
  constexpr unsigned kAvx = 2;
  if (index == kAvx) return {576, 256};
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __get_cpuid_count(0xd, index, &eax, &ebx, &ecx, &edx);
  return {ebx, eax};
}

}  // namespace spry
