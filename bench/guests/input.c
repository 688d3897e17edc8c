// Reads one byte of each page of its input, and says Hello.
#include <spry/guest.h>

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  struct spry_bytes input = spry_input();
  unsigned sum = 0;
  for (size_t at = 0; at < input.length; at += 4096) sum += *(const volatile unsigned char *)(input.data + at);
  spry_puts(SPRY_STREAM_OUTPUT, "Hello\n");
  return sum == 0 && input.length > 0 ? 1 : 0;
}
