/* AVX when the manifest asks for it: 256-bit registers, which keep their upper halves over a hypercall. */
#include "guest_case.h"

SPRY_NEEDS(.features = SPRY_FEATURE_XSAVE | SPRY_FEATURE_AVX);

typedef uint64_t Vector __attribute__((vector_size(32)));

__attribute__((target("avx"))) int spry_main(int argc, char **argv) {
  (void)argv;
  CHECK((spry_boot_page()->features & SPRY_FEATURE_AVX) != 0);
  uint32_t xcr0, high;
  __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
  CHECK((xcr0 & 7) == 7);
  double in[4] __attribute__((aligned(32))) = {1, 2, 3, argc}, out[4] __attribute__((aligned(32)));
  Vector ones = {1, 2, 3, 4}, back;
  __asm__ volatile(
      "vmovapd %[in], %%ymm1\n\t"
      "vaddpd %%ymm1, %%ymm1, %%ymm2\n\t"
      "vmovapd %%ymm2, %[out]\n\t"
      "vmovdqa %[ones], %%ymm14\n\t"
      "mov %[clock], %%eax\n\t"
      "mov $1, %%edi\n\t"
      "out %%eax, %[port]\n\t"
      "vmovdqa %%ymm14, %[back]\n\t"
      : [out] "=m"(out), [back] "=m"(back)
      : [in] "m"(in), [ones] "m"(ones), [clock] "i"(SPRY_CALL_CLOCK), [port] "i"(SPRY_HYPERCALL_PORT)
      : "xmm1", "xmm2", "xmm14", "rax", "rcx", "rdi", "r11", "memory");
  CHECK(out[0] == 2 && out[1] == 4 && out[2] == 6 && out[3] == 2);
  CHECK(back[0] == 1 && back[1] == 2 && back[2] == 3 && back[3] == 4);
  say("ok\n");
  return 0;
}
