/* Touches every page of the heap, which is zero, in each action: reads them, or, if the input says "write", writes
 * them. With an argument, also before ready. */
#include "guest_case.h"

static void touch(int writes) {
  const struct spry_boot *boot = spry_boot_page();
  for (uint64_t page = boot->heap_start; page < boot->heap_end; page += SPRY_PAGE_SIZE) {
    volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)page;
    if (writes) *word = 1;
    (void)*word;
  }
}

int spry_main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) touch(1);
  spry_ready();
  touch(spry_input().length == 5);
  return 0;
}
