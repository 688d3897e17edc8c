// Asks for 24 MiB at least, and prints how many it has.
#include <spry/guest.h>

SPRY_NEEDS(.memory = 24 << 20);

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const struct spry_boot *boot = spry_boot_page();
  spry_printf(SPRY_STREAM_OUTPUT, "%llu\n", (unsigned long long)((boot->heap_end - boot->slide) >> 20));
  return 0;
}
