/* A manifest's memory is a minimum. */
#include "guest_case.h"

SPRY_NEEDS(.memory = 40u << 20);

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  const struct spry_boot *boot = spry_boot_page();
  spry_printf((int)SPRY_STREAM_OUTPUT, "%lu MiB\n", (unsigned long)((boot->heap_end - boot->slide) >> 20));
  return 0;
}
