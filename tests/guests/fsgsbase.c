/* FSGSBASE when the manifest asks for it; hypercalls keep both bases. */
#include "guest_case.h"

SPRY_NEEDS(.features = SPRY_FEATURE_FSGSBASE);

static uint64_t words[2] = {0x1122334455667788, 42};

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  uint64_t fs, gs, word;
  __asm__ volatile("rdfsbase %0" : "=r"(fs));
  CHECK(fs == address_of(spry_boot_page()) && (spry_boot_page()->features & SPRY_FEATURE_FSGSBASE) != 0);
  __asm__ volatile("wrgsbase %0" : : "r"(words));
  spry_hypercall(SPRY_CALL_CLOCK, SPRY_CLOCK_MONOTONIC, 0, 0, 0, 0);
  __asm__ volatile("rdgsbase %0\n\tmov %%gs:0, %1" : "=r"(gs), "=r"(word));
  CHECK(gs == address_of(words) && word == words[0]);
  __asm__ volatile("wrfsbase %1\n\tmov %%fs:8, %0\n\twrfsbase %2" : "=&r"(word) : "r"(words), "r"(fs));
  CHECK(word == 42);
  say("ok\n");
  return 0;
}
