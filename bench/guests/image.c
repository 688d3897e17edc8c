// An image that is as large as its filling. It uses one page in a hundred, and at least one.
#include <spry/guest.h>

extern const volatile unsigned char filling[] __attribute__((visibility("hidden")));
extern const volatile unsigned char filling_end[] __attribute__((visibility("hidden")));

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  const size_t stride = (size_t)100 * 4096;
  size_t size = (size_t)(filling_end - filling);
  unsigned sum = 0;
  for (size_t at = 0; at < size; at += stride) sum += filling[at];
  if (sum == 0 && size > 0) return 1;
  spry_puts(SPRY_STREAM_OUTPUT, "Hello\n");
  return 0;
}
