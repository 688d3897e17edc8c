/* Two calls of ready: the second one ends the action with status 0. */
#include "guest_case.h"

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  spry_ready();
  say("once\n");
  spry_ready();
  say("never\n");
  return 1;
}
