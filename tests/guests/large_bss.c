/* Zeroed data of more than a large page costs no file bytes, and the heap begins behind it. */
#include "guest_case.h"

static unsigned char large[9u << 20];

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  for (size_t i = 0; i < sizeof large; i += 64u << 10) {
    CHECK(*at(address_of(&large[i])) == 0);
    large[i] = 1;
  }
  CHECK(*at(address_of(&large[sizeof large - 1])) == 0);
  CHECK(spry_boot_page()->heap_start >= address_of(large) + sizeof large);
  say("ok\n");
  return 0;
}
