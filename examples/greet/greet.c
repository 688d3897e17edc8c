#include <spry/guest.h>

int spry_main(int argc, char **argv) {
  struct spry_bytes input = spry_input();
  spry_printf(SPRY_STREAM_OUTPUT, "%s: %zu bytes of input\n", argc > 1 ? argv[1] : "nobody", input.length);
  return 0;
}
