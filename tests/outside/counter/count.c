/* The guest side, and an action that counts until the counter refuses. */
#include <spry/guest.h>

#include "counter_abi.h"

#define COUNTER(name) SPRY_DEVICE(name, "counter", #name)

COUNTER(visits);

static int64_t counter_add(const struct spry_device *counter, uint64_t amount) {
  return spry_hypercall(SPRY_CALL_DEVICE, spry_handle(counter), COUNTER_ADD, amount, 0, 0);
}

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  int64_t value = 0;
  for (int64_t next = counter_add(&visits, 1); next > 0; next = counter_add(&visits, 100)) {
    value = next;
  }
  spry_printf(SPRY_STREAM_OUTPUT, "%ld\n", value);
  return 0;
}
