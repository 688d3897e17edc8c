// A guest that fills a megabyte before `ready`, says so afterwards, and after a while looks at all of it.
#include <spry/guest.h>
#include <string.h>

static unsigned char state[1 << 20];

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  memset(state, 1, sizeof state);
  spry_ready();
  spry_puts(SPRY_STREAM_OUTPUT, "waiting\n");
  spry_flush();
  spry_sleep_until(spry_monotonic_ns() + 300000000);
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof state; i += SPRY_PAGE_SIZE) {
    sum += *(volatile unsigned char *)&state[i];
  }
  spry_printf(SPRY_STREAM_OUTPUT, "%u\n", sum);
  return 0;
}
