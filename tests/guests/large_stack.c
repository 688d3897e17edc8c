/* A stack as large as the manifest asks; it lies at the end of memory. */
#include "stack_cases.h"

SPRY_NEEDS(.stack = 2u << 20);

static void size(void) { CHECK(spry_boot_page()->stack_end - spry_boot_page()->stack_start >= (2u << 20)); }

static const struct guest_case cases[] = {STACK_CASES, CASE(size)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
