/* AVX-512 when the manifest asks for it: each of the promised sets of instructions, and a hypercall keeps masks, upper
 * halves and the registers from zmm16 on. */
#include "guest_case.h"

SPRY_NEEDS(.features = SPRY_FEATURE_AVX512);

#define XCR0_WITH_AVX512 0xe7u
#define WORDS 8
#define AVX512 __attribute__((target("avx512f,avx512cd,avx512bw,avx512dq,avx512vl")))

static uint64_t in[WORDS], out[WORDS];

static void fill_in(uint64_t first, uint64_t step) {
  for (uint64_t i = 0; i < WORDS; i++) {
    in[i] = first + step * i;
    out[i] = 0;
  }
}

/* In all words of a register from zmm16 on, under a mask. */
AVX512 static void computes(void) {
  fill_in(2, 1);
  __asm__ volatile(
      "vmovdqu64 %[in], %%zmm17\n\t"
      "kmovw %[mask], %%k1\n\t"
      "vpaddq %%zmm17, %%zmm17, %%zmm18 %{%%k1%}%{z%}\n\t"
      "vmovdqu64 %%zmm18, %[out]"
      : [out] "=m"(out)
      : [in] "m"(in), [mask] "r"(0xaa)
      : "xmm17", "xmm18", "k1");
  for (uint64_t i = 0; i < WORDS; i++) CHECK(out[i] == (i % 2 != 0 ? 2 * in[i] : 0));
}

/* CD, DQ, BW and VL. */
AVX512 static void has_all_sets(void) {
  fill_in(1, 0);
  __asm__ volatile("vplzcntq %[in], %%zmm1\n\tvmovdqu64 %%zmm1, %[out]" : [out] "=m"(out) : [in] "m"(in) : "xmm1");
  CHECK(out[0] == 63 && out[WORDS - 1] == 63);
  fill_in(0x100000001, 1);
  __asm__ volatile("vmovdqu64 %[in], %%zmm1\n\tvpmullq %%zmm1, %%zmm1, %%zmm2\n\tvmovdqu64 %%zmm2, %[out]"
                   : [out] "=m"(out)
                   : [in] "m"(in)
                   : "xmm1", "xmm2");
  CHECK(out[0] == in[0] * in[0] && out[WORDS - 1] == in[WORDS - 1] * in[WORDS - 1]);
  uint64_t mask;
  fill_in(0x8000008000800080, 0);
  __asm__ volatile("vmovdqu64 %[in], %%zmm1\n\tvpmovb2m %%zmm1, %%k7\n\tkmovq %%k7, %[mask]"
                   : [mask] "=r"(mask)
                   : [in] "m"(in)
                   : "xmm1", "k7");
  CHECK(mask == 0x9595959595959595);
  __asm__ volatile("vmovdqu64 %[in], %%ymm31\n\tvmovdqu64 %%ymm31, %[out]" : [out] "=m"(out) : [in] "m"(in) : "xmm31");
  CHECK(out[0] == in[0] && out[3] == in[3]);
}

AVX512 static void keeps(void) {
  const uint64_t mask = 0x123456789abcdef0;
  uint64_t low[WORDS] = {0}, mask_after;
  fill_in(1, 1);
  __asm__ volatile(
      "vmovdqu64 %[in], %%zmm3\n\t"
      "vmovdqu64 %[in], %%zmm31\n\t"
      "kmovq %[mask], %%k5\n\t"
      "mov %[clock], %%eax\n\t"
      "mov %[which], %%edi\n\t"
      "out %%eax, %[port]\n\t"
      "vmovdqu64 %%zmm3, %[low]\n\t"
      "vmovdqu64 %%zmm31, %[high]\n\t"
      "kmovq %%k5, %[after]"
      : [low] "=m"(low), [high] "=m"(out), [after] "=&r"(mask_after)
      : [in] "m"(in), [mask] "r"(mask), [clock] "i"(SPRY_CALL_CLOCK), [which] "i"(SPRY_CLOCK_MONOTONIC),
        [port] "i"(SPRY_HYPERCALL_PORT)
      : "xmm3", "xmm31", "k5", "rax", "rcx", "rdi", "r11", "memory");
  CHECK(memcmp(low, in, sizeof in) == 0 && memcmp(out, in, sizeof in) == 0 && mask_after == mask);
}

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  const uint64_t promised = SPRY_FEATURE_AVX512 | SPRY_FEATURE_AVX | SPRY_FEATURE_XSAVE;
  CHECK((spry_boot_page()->features & promised) == promised);
  uint32_t xcr0, high;
  __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
  CHECK(xcr0 == XCR0_WITH_AVX512 && high == 0);
  computes();
  has_all_sets();
  keeps();
  say("ok\n");
  return 0;
}
