/* XSAVE when the manifest asks for it, without AVX. */
#include "guest_case.h"

SPRY_NEEDS(.features = SPRY_FEATURE_XSAVE);

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  static unsigned char area[4096] __attribute__((aligned(64)));
  CHECK((spry_boot_page()->features & SPRY_FEATURE_XSAVE) != 0);
  double before = 3.5, after = 0;
  __asm__ volatile(
      "movsd %[before], %%xmm7\n\t"
      "mov $3, %%eax\n\t"
      "xor %%edx, %%edx\n\t"
      "xsave %[area]\n\t"
      "xorps %%xmm7, %%xmm7\n\t"
      "xrstor %[area]\n\t"
      "movsd %%xmm7, %[after]\n\t"
      : [after] "=m"(after), [area] "+m"(area)
      : [before] "m"(before)
      : "xmm7", "rax", "rdx");
  CHECK(after == 3.5);
  say("ok\n");
  return 0;
}
