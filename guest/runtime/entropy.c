/* Entropy: a generator that is seeded from the boot page, again for each action. */
#include "random.h"
#include "spry/guest.h"

static struct spry_random generator;
static uint64_t seeded_generation; /* generations count from 1 */

void spry_entropy(void *bytes, size_t length) {
  const struct spry_boot *boot = spry_boot_page();
  if (seeded_generation != boot->generation) {
    spry_random_mix(&generator, boot->seed);
    seeded_generation = boot->generation;
  }
  spry_random_fill(&generator, bytes, length);
}
