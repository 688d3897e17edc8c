/* Counts its actions, in initialised, in zeroed and in allocated memory: each must be the first. */
#include <stdlib.h>

#include "guest_case.h"

static unsigned from_seven = 7;
static unsigned from_zero;

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  unsigned *allocated = calloc(1, sizeof *allocated);
  CHECK(allocated != NULL);
  spry_ready();
  ++*(volatile unsigned *)allocated;
  ++*(volatile unsigned *)&from_seven;
  ++*(volatile unsigned *)&from_zero;
  CHECK(from_seven == 7 + from_zero && *allocated == from_zero);
  spry_printf((int)SPRY_STREAM_OUTPUT, "%u\n", from_zero);
  return (int)from_zero - 1;
}
