/* Writes a word to each of as many pages of the heap as the input says, in decimal, and checks that each was zero
 * before. */
#include "guest_case.h"

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  const struct spry_boot *boot = spry_boot_page();
  struct spry_bytes input = spry_input();
  uint64_t pages = 0;
  for (size_t i = 0; i < input.length && input.data[i] >= '0' && input.data[i] <= '9'; i++) {
    pages = 10 * pages + (uint64_t)(input.data[i] - '0');
    CHECK(pages <= (boot->heap_end - boot->heap_start) / SPRY_PAGE_SIZE);
  }
  for (uint64_t i = 0; i < pages; i++) {
    volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)(boot->heap_start + i * SPRY_PAGE_SIZE);
    CHECK(*word == 0);
    *word = i + 1;
  }
  return 0;
}
