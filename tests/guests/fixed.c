/* An ET_EXEC runs where it was linked: its slide is 0, and what lies below it is the monitor's. */
#include "guest_case.h"

static void spot(void) {
  const struct spry_boot *boot = spry_boot_page();
  CHECK(boot->slide == 0 && boot->image_start == 0x200000);
  CHECK(address_of(spot) > 0x200000 && address_of(spot) < boot->image_end);
}
static void null_read(void) { read_at(0); }
static void monitor_read(void) { read_at(0x11000); }

static const struct guest_case cases[] = {CASE(spot), CASE(null_read), CASE(monitor_read)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
