/* The compiler's stack protector. Its canary is %fs:0x28, in the boot page, where the monitor put a random word: there
 * is nothing to set up and nothing that the guest could overwrite. */
#include "spry/guest.h"

__attribute__((noreturn)) void __stack_chk_fail(void);

void __stack_chk_fail(void) { spry_abort("stack smashing detected"); }
