// Names a device `disk` of a kind that no monitor knows.
#include <spry/guest.h>

SPRY_DEVICE(disk, "tape", "disk");

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  return (int)spry_handle(&disk);
}
