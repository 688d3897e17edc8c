/* ready: the first call returns, on a cold run at once; the second ends the action with status 0. */
#include "guest_case.h"

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  say("before\n");
  spry_ready();
  CHECK(spry_boot_page()->generation == 1);
  CHECK(spry_input().length == 0);
  say("after\n");
  spry_ready();
  say("never\n");
  return 1;
}
