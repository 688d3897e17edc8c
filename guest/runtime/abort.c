/* Ends the action as failed, with a message. */
#include <string.h>

#include "spry/guest.h"

#define MESSAGE_MAX 1024u

void spry_abort(const char *message) {
  spry_hypercall(SPRY_CALL_ABORT, (uintptr_t)message, message == NULL ? 0 : strnlen(message, MESSAGE_MAX), 0, 0, 0);
  __builtin_trap();
}
