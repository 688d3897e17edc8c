/* Floating point, with SSE and with the x87. */
#include "guest_case.h"

static double volatile two = 2.0;

static double square_root(double value) {
  __asm__("sqrtsd %0, %0" : "+x"(value));
  return value;
}

static long double sine(long double value) {
  __asm__("fsin" : "+t"(value));
  return value;
}

int spry_main(int argc, char **argv) {
  (void)argv;
  CHECK((unsigned long)(square_root(two) * 1e9) == 1414213562);
  CHECK(square_root(-two) != square_root(-two));
  CHECK(1.0 / (two - 2.0) > 1e308 && (int)(two * 21.4) == 42);
  CHECK((unsigned long)(sine(1.0L) * 1e15L) == 841470984807896);
  float sum = 0;
  float vector[1000];
  for (int i = 0; i < 1000; i++) vector[i] = (float)(i * argc) * 0.5f;
  for (int i = 0; i < 1000; i++) sum += vector[i];
  CHECK((int)sum == 249750);
  /* Calls and exits keep the vectors. */
  register double kept __asm__("xmm15") = two;
  __asm__ volatile("" : "+x"(kept));
  spry_hypercall(SPRY_CALL_CLOCK, SPRY_CLOCK_MONOTONIC, 0, 0, 0, 0);
  __asm__ volatile("" : "+x"(kept));
  CHECK(kept == 2.0);
  say("ok\n");
  return 0;
}
