// The smallest action: it prints one line and ends.
#include <spry/guest.h>

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  spry_puts(SPRY_STREAM_OUTPUT, "Hello\n");
  return 0;
}
