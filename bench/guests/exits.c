// exits N: makes N hypercalls of the cheapest kind, one exit each.
#include <spry/guest.h>

int spry_main(int argc, char **argv) {
  uint64_t count = 0;
  for (const char *digit = argc > 1 ? argv[1] : ""; *digit != 0; digit++) count = count * 10 + (uint64_t)(*digit - '0');
  for (uint64_t i = 0; i < count; i++) spry_hypercall(0, 0, 0, 0, 0, 0);
  return 0;
}
