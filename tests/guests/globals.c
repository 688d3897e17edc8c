/* Initialised data, zeroed data, and pointers in both kinds of data, which the monitor has relocated. */
#include "guest_case.h"

static int initialised = 42;
static int zeroed;
static unsigned char page_crossing[3 * 4096 + 1];
static int *pointer = &initialised;
static const char *const names[] = {"zero", "one", "two"};
static int (*volatile function)(int, char **) = spry_main;
static const struct {
  char letter;
  const void *self;
} record = {'r', &record};

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  CHECK(initialised == 42 && zeroed == 0);
  for (size_t i = 0; i < sizeof page_crossing; i++) CHECK(*at(address_of(&page_crossing[i])) == 0);
  CHECK(pointer == &initialised && *pointer == 42);
  *pointer = 43;
  zeroed = 44;
  CHECK(initialised == 43 && *at(address_of(&zeroed)) == 44);
  CHECK(strcmp(names[argc], "one") == 0);
  CHECK(function == spry_main);
  CHECK(record.letter == 'r' && record.self == &record);
  say("ok\n");
  return 0;
}
