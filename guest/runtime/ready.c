/* The snapshot point (`ready`), and the input that is there after it. */
#include <stdbool.h>

#include "spry/guest.h"

/* Set before the hypercall, so that the snapshot has it: no action that begins there writes to this page. */
static bool ready;

void spry_ready(void) {
  bool first = !ready;
  ready = true;
  if (first && (spry_boot_page()->flags & SPRY_BOOT_READY) != 0) {
    return;
  }
  if (spry_hypercall(SPRY_CALL_READY, 0, 0, 0, 0, 0) < 0) {
    spry_abort("spry_ready: the monitor refuses it");
  }
}

struct spry_bytes spry_input(void) {
  if (!ready) {
    spry_ready();
  }
  const struct spry_boot *boot = spry_boot_page();
  return (struct spry_bytes){(const unsigned char *)(uintptr_t)boot->input, boot->input_length};
}
