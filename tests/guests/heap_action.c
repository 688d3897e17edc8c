/* A heap that is used before ready and after it: the same blocks are free and taken in each action, with their
 * contents, so that the answer is always the same. */
#include <stdlib.h>

#include "guest_case.h"

#define BLOCKS 64u

static unsigned char *blocks[BLOCKS];

static size_t size_of(unsigned i) { return 100 + 777 * (size_t)i; }

static void take(unsigned i, unsigned char value) {
  blocks[i] = malloc(size_of(i));
  CHECK(blocks[i] != NULL);
  memset(blocks[i], value, size_of(i));
}

static void check(unsigned i, unsigned char value) {
  for (size_t byte = 0; byte < size_of(i); byte++) CHECK(blocks[i][byte] == value);
}

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  for (unsigned i = 0; i < BLOCKS; i++) take(i, (unsigned char)i);
  for (unsigned i = 0; i < BLOCKS; i += 3) free(blocks[i]);
  spry_ready();
  uint64_t places = 0;
  for (unsigned i = 0; i < BLOCKS; i++) {
    if (i % 3 == 0) {
      take(i, (unsigned char)~i);
    } else {
      check(i, (unsigned char)i);
      if (i % 3 == 1) free(blocks[i]);
    }
    places = places * 31 + (address_of(blocks[i]) - spry_boot_page()->heap_start);
  }
  for (unsigned i = 0; i < BLOCKS; i += 3) check(i, (unsigned char)~i);
  unsigned char *zeros = calloc(1, 1u << 20);
  CHECK(zeros != NULL);
  for (size_t i = 0; i < 1u << 20; i++) CHECK(zeros[i] == 0);
  memset(zeros, 0xee, 1u << 20);
  spry_printf((int)SPRY_STREAM_OUTPUT, "%016lx\n", places);
  return 0;
}
