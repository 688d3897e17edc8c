/* Much output, more than the shared area holds, before the input is asked for, and the input behind it. */
#include "guest_case.h"

#define LINES 1000u

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  for (unsigned i = 0; i < LINES; i++) {
    spry_printf((int)SPRY_STREAM_OUTPUT, "line %4u of %u before the input is asked for\n", i + 1, LINES);
  }
  struct spry_bytes input = spry_input();
  spry_write((int)SPRY_STREAM_OUTPUT, input.data, input.length);
  return 0;
}
