// ready KIB: fills KIB KiB of state and calls ready. Then it reads one page in a hundred of the state, or all pages if
// the input is "all", and says Hello.
#include <spry/guest.h>
#include <stdlib.h>
#include <string.h>

int spry_main(int argc, char **argv) {
  const size_t page = 4096;
  size_t kibibytes = 0;
  for (const char *digit = argc > 1 ? argv[1] : ""; *digit != 0; digit++) {
    kibibytes = kibibytes * 10 + (size_t)(*digit - '0');
  }
  const size_t size = kibibytes * 1024;
  volatile unsigned char *state = malloc(size + 1);
  if (state == NULL) spry_abort("no memory for so much state");
  for (size_t i = 0; i < size; i++) state[i] = (unsigned char)(i * 31 + 1);
  spry_ready();
  struct spry_bytes input = spry_input();
  const size_t stride = input.length == 3 && memcmp(input.data, "all", 3) == 0 ? page : 100 * page;
  for (size_t at = 0; at < size; at += stride) {
    if (state[at] != (unsigned char)(at * 31 + 1)) return 1;
  }
  spry_puts(SPRY_STREAM_OUTPUT, "Hello\n");
  return 0;
}
