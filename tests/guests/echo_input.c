/* The input, as output. */
#include "guest_case.h"

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  struct spry_bytes input = spry_input();
  spry_write((int)SPRY_STREAM_OUTPUT, input.data, input.length);
  return 0;
}
