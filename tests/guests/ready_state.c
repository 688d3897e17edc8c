/* 8 MiB of state, made before ready; each action answers with a sum of all of it and of its input. */
#include <stdlib.h>

#include "guest_case.h"

#define WORDS ((8u << 20) / sizeof(uint64_t))

/* FNV-1a, by words. */
static uint64_t mix(uint64_t sum, uint64_t word) { return (sum ^ word) * 0x100000001b3; }

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  uint64_t *state = malloc(WORDS * sizeof *state);
  CHECK(state != NULL);
  uint64_t word = 0x9e3779b97f4a7c15; /* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
  for (size_t i = 0; i < WORDS; i++) {
    word ^= word << 13;
    word ^= word >> 7;
    word ^= word << 17;
    state[i] = word;
  }
  spry_ready();
  uint64_t sum = 0xcbf29ce484222325;
  for (size_t i = 0; i < WORDS; i++) sum = mix(sum, state[i]);
  struct spry_bytes input = spry_input();
  for (size_t i = 0; i < input.length; i++) sum = mix(sum, input.data[i]);
  spry_printf((int)SPRY_STREAM_OUTPUT, "%016lx\n", sum);
  return 0;
}
