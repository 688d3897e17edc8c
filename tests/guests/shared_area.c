/* The console's shared area is the guest's to write: whatever it puts there, the monitor takes at most the area. */
#include "guest_case.h"

static struct spry_console *area(void) {
  return (struct spry_console *)(uintptr_t)spry_boot_page()->devices[SPRY_HANDLE_CONSOLE].shared;
}

static void fill(void) {
  memset(area() + 1, 'x', spry_boot_page()->devices[SPRY_HANDLE_CONSOLE].shared_size - sizeof(struct spry_console));
}

static void longest(void) {
  fill();
  area()->length = UINT32_MAX;
  spry_exit(0);
}

static void one_too_long(void) {
  fill();
  area()->length = (uint32_t)spry_boot_page()->devices[SPRY_HANDLE_CONSOLE].shared_size - 7;
  spry_exit(0);
}

static void at_each_call(void) {
  fill();
  for (unsigned i = 0; i < 3; i++) {
    area()->length = 0x80000001;
    spry_hypercall(SPRY_CALL_CLOCK, 0, 0, 0, 0, 0);
    CHECK(area()->length == 0);
  }
  area()->flags = UINT32_MAX;
  spry_exit(0);
}

/* Writes bytes from the shared area itself: what waits there goes out first. */
static void itself(void) {
  memcpy(area() + 1, "abc", 3);
  area()->length = 3;
  CHECK(spry_hypercall(SPRY_CALL_DEVICE, 0, SPRY_CONSOLE_WRITE, SPRY_STREAM_OUTPUT, address_of(area() + 1), 3) == 3);
  spry_exit(0);
}

static const struct guest_case cases[] = {CASE(longest), CASE(one_too_long), CASE(at_each_call), CASE(itself)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
