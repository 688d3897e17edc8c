/* Ends the action. The monitor writes out what the console still holds. */
#include "spry/guest.h"

void spry_exit(int status) {
  for (;;) {
    spry_hypercall(SPRY_CALL_EXIT, (uint64_t)(int64_t)status, 0, 0, 0, 0);
  }
}
