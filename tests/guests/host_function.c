/* A function of the host's, called with the input, and its answer as output. */
#include "guest_case.h"

#define HOST_ANSWER 1u /* (input, its length, room for 256 bytes of answer): the answer's length */

SPRY_DEVICE(function, "host", "function");

static char answer[256];

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  struct spry_bytes input = spry_input();
  int64_t length = spry_hypercall(SPRY_CALL_DEVICE, spry_handle(&function), HOST_ANSWER, (uint64_t)input.data,
                                  input.length, (uint64_t)answer);
  if (length < 0) {
    spry_printf(SPRY_STREAM_OUTPUT, "error %ld\n", -length);
    return 1;
  }
  spry_write((int)SPRY_STREAM_OUTPUT, answer, (uint64_t)length);
  return 0;
}
