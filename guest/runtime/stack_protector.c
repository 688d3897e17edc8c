/* The compiler's stack protector. Its canary is at %fs:0x28, in the boot page, where the monitor has put a random word.
 * So nothing has to be set up, and the guest cannot overwrite the canary. */
#include "spry/guest.h"

__attribute__((noreturn)) void __stack_chk_fail(void);

void __stack_chk_fail(void) { spry_abort("stack smashing detected"); }
