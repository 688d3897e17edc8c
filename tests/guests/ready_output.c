/* Output on both streams before ready, which belongs to every action, and after it. */
#include "guest_case.h"

static void complain(const char *text) { spry_puts((int)SPRY_STREAM_DIAGNOSTICS, text); }

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  say("output before\n");
  complain("diagnostics before\n");
  say("a part, "); /* waits in the shared area */
  spry_ready();
  say("output after\n");
  complain("diagnostics after\n");
  say("end\n");
  return 0;
}
