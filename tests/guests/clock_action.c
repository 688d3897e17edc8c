/* Monotonic time before and after ready, and wall time, in nanoseconds: by the boot page and by the hypercall,
 * monotonic time does not go back. */
#include "guest_case.h"

static uint64_t by_hypercall(void) {
  return (uint64_t)spry_hypercall(SPRY_CALL_CLOCK, SPRY_CLOCK_MONOTONIC, 0, 0, 0, 0);
}

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  uint64_t called_before = by_hypercall();
  uint64_t before = spry_monotonic_ns();
  spry_ready();
  uint64_t after = spry_monotonic_ns();
  uint64_t called_after = by_hypercall();
  spry_printf((int)SPRY_STREAM_OUTPUT, "%lu %lu %lu\n", before, after, spry_wall_ns());
  CHECK(before <= after && called_before <= called_after);
  /* The library never lets its time go back, whatever the boot page says: look at the page itself, too. */
  const struct spry_boot *boot = spry_boot_page();
  CHECK((boot->features & SPRY_FEATURE_CLOCK) != 0 && boot->clock_ns <= called_after);
  return 0;
}
