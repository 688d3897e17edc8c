/* argv comes as it was given: quoting, empty arguments, options that are not ours, their number. */
#include "guest_case.h"

int spry_main(int argc, char **argv) {
  CHECK(argc >= 1 && argv[argc] == NULL);
  CHECK((uint64_t)argc == spry_boot_page()->argc && address_of(argv) == spry_boot_page()->argv);
  spry_printf((int)SPRY_STREAM_OUTPUT, "%d\n", argc);
  for (int i = 1; i < argc; i++) {
    spry_printf((int)SPRY_STREAM_OUTPUT, "[%s]\n", argv[i]);
  }
  return 0;
}
