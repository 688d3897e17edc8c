/* Entropy of an action, from a generator that was used before ready: 16 bytes and the generation. */
#include "guest_case.h"

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  unsigned char bytes[16];
  spry_entropy(bytes, sizeof bytes);
  spry_ready();
  spry_entropy(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++) spry_printf((int)SPRY_STREAM_OUTPUT, "%02x", bytes[i]);
  spry_printf((int)SPRY_STREAM_OUTPUT, " %lu\n", spry_boot_page()->generation);
  return 0;
}
