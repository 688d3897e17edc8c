/* How an action ends by itself: status, abort, and messages that mean no good. */
#include <stdlib.h>

#include "guest_case.h"

static int status;

static void exit_307(void) { spry_exit(307); }
static void exit_minus(void) { spry_exit(-1); }
static void return_7(void) { status = 7; }

static void raw_abort(uint64_t message, uint64_t length) { spry_hypercall(SPRY_CALL_ABORT, message, length, 0, 0, 0); }

static void plain(void) { spry_abort("the reason in words"); }
static void empty(void) { spry_abort(NULL); }
static void escapes(void) {
  spry_abort(
      "red \033[31m\033]0;title\007 line\nspry: fake\r \\ \x9b \xc2\x9b"
      "2J end");
}

static void longest(void) {
  static char message[5000];
  memset(message, 'm', sizeof message);
  raw_abort(address_of(message), sizeof message);
}

static void null_message(void) { raw_abort(0, 10); }
static void unmapped_message(void) { raw_abort(spry_boot_page()->heap_end + SPRY_PAGE_SIZE, 10); }
static void kernel_message(void) { raw_abort(0xffffffff81000000, 10); }
static void not_canonical_message(void) { raw_abort(0x8000000000000000, 10); }
static void wrapping_message(void) { raw_abort(UINT64_MAX - 4, 10); }
static void monitor_message(void) { raw_abort(spry_boot_page()->slide + 0x10000, 10); }
static void crossing_message(void) { raw_abort(spry_boot_page()->heap_end - 5, 10); }
static void huge_length(void) { raw_abort(address_of("message"), UINT64_MAX); }

static void smash(void) {
  volatile char small[8];
  volatile char *bytes = at(address_of(small)) == NULL ? NULL : (volatile char *)at(address_of(small));
  for (int i = 0; i < 64; i++) bytes[i] = 'x';
}

static const struct guest_case cases[] = {
    CASE(exit_307),
    CASE(exit_minus),
    CASE(return_7),
    CASE(plain),
    CASE(empty),
    CASE(escapes),
    CASE(longest),
    CASE(null_message),
    CASE(unmapped_message),
    CASE(kernel_message),
    CASE(not_canonical_message),
    CASE(wrapping_message),
    CASE(monitor_message),
    CASE(crossing_message),
    CASE(huge_length),
    CASE(smash),
};

int spry_main(int argc, char **argv) {
  int returned = RUN_CASE(cases, argc, argv);
  return status != 0 ? status : returned;
}
