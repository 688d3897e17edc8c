/* Entropy: every length is filled and nothing beyond it, no two draws are alike, ones and zeros are about as many. */
#include "guest_case.h"

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  static unsigned char first[4096], second[4096];
  for (size_t length = 0; length < 200; length++) {
    memset(first, 0xee, sizeof first);
    spry_entropy(first, length);
    for (size_t i = length; i < 220; i++) CHECK(first[i] == 0xee);
    size_t untouched = 0;
    for (size_t i = 0; i < length; i++) untouched += first[i] == 0xee;
    CHECK(untouched <= 8);
  }
  spry_entropy(first, sizeof first);
  spry_entropy(second, sizeof second);
  size_t same = 0, ones = 0;
  for (size_t i = 0; i < sizeof first; i++) {
    same += first[i] == second[i];
    ones += (size_t)__builtin_popcount(first[i]);
  }
  CHECK(same < 100);
  CHECK(ones > 15384 && ones < 17384); /* 16384, eleven standard deviations of 90.5 on each side */
  const unsigned char *seed = spry_boot_page()->seed;
  size_t zeros = 0;
  for (size_t i = 0; i < 32; i++) zeros += seed[i] == 0;
  CHECK(zeros < 16);
  say("ok\n");
  return 0;
}
