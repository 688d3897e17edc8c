// Reads both clocks a thousand times: neither goes back, and together they move. Status 0 if so.
#include <spry/guest.h>

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const uint64_t first = spry_monotonic_ns();
  const uint64_t wall = spry_wall_ns();
  uint64_t last = first;
  for (int i = 0; i < 1000; i++) {
    uint64_t now = spry_monotonic_ns();
    if (now < last) {
      return 1;
    }
    last = now;
  }
  spry_printf(SPRY_STREAM_OUTPUT, "%llu\n", (unsigned long long)wall);
  return last > first && spry_wall_ns() > wall ? 0 : 2;
}
