/* Waiting for devices. */
#include "spry/guest.h"

int spry_poll(uint64_t deadline_ns, uint64_t *ready_set) {
  int64_t ready = spry_hypercall(SPRY_CALL_POLL, deadline_ns, (uintptr_t)ready_set, 0, 0, 0);
  if (ready < 0) {
    spry_abort("spry_poll: the ready set is no writable memory");
  }
  return (int)ready;
}
