/* From the entry to the end of the action. */
#include "entry.h"
#include "spry/guest.h"

SPRY_STATIC_ASSERT(ENTRY_MAGIC == SPRY_ENTRY_MAGIC, "entry.S and abi.h agree");

/* Each unikernel links this object, and so has exactly one such note. */
SPRY_NOTE(abi_note, SPRY_NOTE_ABI, struct spry_note_abi, SPRY_ABI_VERSION);

typedef void (*Constructor)(void);

/* Defined by spry.ld: the constructors of static objects, in the order in which they run. */
extern const Constructor spry_init_array_start[] __attribute__((visibility("hidden")));
extern const Constructor spry_init_array_end[] __attribute__((visibility("hidden")));

/* entry.S calls it. */
__attribute__((noreturn)) void spry_start(const struct spry_boot *boot);

void spry_start(const struct spry_boot *boot) {
  const Constructor *constructor = spry_init_array_start;
  const Constructor *end = spry_init_array_end;
  /* The compiler assumes that two arrays have different addresses. Without constructors these have the same: so the
   * addresses are hidden from the compiler. */
  __asm__("" : "+r"(constructor), "+r"(end));
  for (; constructor != end; constructor++) {
    (*constructor)();
  }
  spry_exit(spry_main((int)boot->argc, (char **)(uintptr_t)boot->argv));
}
