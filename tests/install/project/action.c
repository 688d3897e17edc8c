/* Prints what the devices say: the console of libspry, and one of the launcher's own. */
#include <spry/guest.h>

SPRY_DEVICE(oracle, "oracle", "answer");

int spry_main(int argc, char **argv) {
  int64_t answer = spry_hypercall(SPRY_CALL_DEVICE, spry_handle(&oracle), 1, 6, 7, 0);
  spry_printf(SPRY_STREAM_OUTPUT, "%s: %ld\n", argc > 0 ? argv[0] : "nobody", answer);
  return 3;
}
