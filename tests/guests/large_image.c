/* Half a MiB of read-only data, which machines map from the file: every byte is as it was linked, and the rest of the
 * first and last page is zero. */
#include "guest_case.h"

#define WORDS ((size_t)64 * 1024)

static const uint64_t table[WORDS] = {[0] = 1, [1000] = 2, [WORDS / 2] = 3, [WORDS - 1] = 4};
/* Relocated pointers; the table of relocations lies beside the data. */
static const uint64_t *const places[] = {&table[0], &table[1000], &table[WORDS / 2], &table[WORDS - 1]};

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  spry_ready();
  uint64_t sum = 0;
  const volatile uint64_t *word = table;
  for (size_t i = 0; i < WORDS; i++) sum += word[i];
  CHECK(sum == 10);
  const uint64_t *const volatile *place = places;
  for (size_t i = 0; i < 4; i++) CHECK(*place[i] == i + 1);
  spry_puts((int)SPRY_STREAM_OUTPUT, "as linked\n");
  return 0;
}
