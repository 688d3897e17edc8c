// pages N: writes one byte to each of N pages of the heap, and says Hello.
#include <spry/guest.h>
#include <stdlib.h>

int spry_main(int argc, char **argv) {
  const size_t page = 4096;
  size_t count = 0;
  for (const char *digit = argc > 1 ? argv[1] : ""; *digit != 0; digit++) count = count * 10 + (size_t)(*digit - '0');
  volatile unsigned char *memory = malloc(count * page + 1);
  if (memory == NULL) spry_abort("no memory for so many pages");
  for (size_t i = 0; i < count; i++) memory[i * page] = 1;
  spry_puts(SPRY_STREAM_OUTPUT, "Hello\n");
  return 0;
}
