/* What the author of an action writes against: define spry_main, link with the guest library.
 *
 * The library also has the C library's malloc, calloc, realloc, free, aligned_alloc, posix_memalign,
 * malloc_usable_size, memcpy, memmove, memset, memcmp, memchr, strlen, strnlen, strcmp, strncmp and strchr: include
 * <stdlib.h>, <malloc.h> and <string.h> for their declarations. Everything else of those headers does not link. C++ has
 * new and delete; new aborts if there is no memory. Constructors of static objects run before spry_main, their
 * destructors never. There are no exceptions, no RTTI, no thread_local and no other thread. */
#ifndef SPRY_GUEST_H
#define SPRY_GUEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "spry/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The action. argv[argc] is null. Its return value is the exit status, of which `spry run` passes on the low 8 bits. */
int spry_main(int argc, char **argv);

/* Ends the action: flushes stream 1. Does not run destructors of static objects. */
__attribute__((noreturn)) void spry_exit(int status);

/* Ends the action as failed; the crash report shows the message, at most 1024 bytes of it. */
__attribute__((noreturn)) void spry_abort(const char *message);

/* Ends the initialisation: returns when an input is there. What the program did before this call is not done again when
 * its machine is reset or restored from a snapshot. A second call ends the action with status 0. The first spry_input
 * calls it, if the program did not. */
void spry_ready(void);

/* The input, read-only, in place; valid to the end of the action. {NULL, 0} if there is none. */
struct spry_bytes {
  const unsigned char *data;
  size_t length;
};
struct spry_bytes spry_input(void);

/* Appends bytes to SPRY_STREAM_OUTPUT (buffered as stdio does: by line on a terminal, else by the full buffer) or
 * SPRY_STREAM_DIAGNOSTICS (unbuffered). Output is never lost, however the action ends. Other streams: spry_abort. */
void spry_write(int stream, const void *bytes, size_t length);

/* spry_write of a string. */
void spry_puts(int stream, const char *string);

/* Formatted output: %d %i %u %x %X %o %c %s %p %% with flags 0, - and space, a width, a precision for %s (both also as
 * `*`), and the lengths hh, h, l, ll, z, j and t. %p prints 0x and the address, %s of a null pointer (null). Anything
 * else aborts with a message. */
__attribute__((format(printf, 2, 3))) void spry_printf(int stream, const char *format, ...);
__attribute__((format(printf, 2, 0))) void spry_vprintf(int stream, const char *format, va_list arguments);

/* Hands stream 1's buffer to the monitor now. */
void spry_flush(void);

/* Nanoseconds, without an exit: monotonic from an arbitrary point, never going back; wall since 1970-01-01 UTC. */
uint64_t spry_monotonic_ns(void);
uint64_t spry_wall_ns(void);

/* Sleeps until spry_monotonic_ns() >= deadline_ns. */
void spry_sleep_until(uint64_t deadline_ns);

/* Waits, without spinning, until a device is ready or spry_monotonic_ns() reaches deadline_ns. A deadline of 0 does not
 * wait; UINT64_MAX waits for ever. Returns how many devices are ready: 0 if the deadline came first. For each ready
 * device the bit spry_handle(&device) of *ready_set is set; ready_set may be null. A device stays ready until what it
 * has is fetched. */
int spry_poll(uint64_t deadline_ns, uint64_t *ready_set);

/* Fills `bytes` from a generator (ChaCha20) seeded by the boot page and mixed anew for each action. No exit. */
void spry_entropy(void *bytes, size_t length);

/* The boot page (abi.h). */
static inline const struct spry_boot *spry_boot_page(void) {
  const struct spry_boot *boot;
  __asm__("movq %%fs:0, %0" : "=r"(boot));
  return boot;
}

/* A hypercall, with all its arguments; see abi.h. */
static inline int64_t spry_hypercall(uint32_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  int64_t result;
  __asm__ volatile("outl %%eax, %[port]"
                   : "=a"(result)
                   : [port] "i"(SPRY_HYPERCALL_PORT), "a"((uint64_t)number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
}

/* Needs, declared at file scope, once in the program: SPRY_NEEDS(.memory = 64 << 20, .features = SPRY_FEATURE_AVX);
 * Members that are not named are zero. GCC warns of that in C++, so the warning is off here. */
#define SPRY_NEEDS(...)                                                                             \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"") \
      SPRY_NOTE(spry_needs_, SPRY_NOTE_NEEDS, struct spry_note_needs, __VA_ARGS__);                 \
  _Pragma("GCC diagnostic pop") struct spry_note_needs

/* A device that the program needs, declared at file scope; the macros of the device kinds use this one. &symbol then
 * identifies the device in calls. */
#define SPRY_DEVICE(symbol, kind, name)                                                                      \
  __attribute__((section(".note.spry.device"), used, aligned(4))) static const struct spry_device symbol = { \
      {5, sizeof(struct spry_note_device), SPRY_NOTE_DEVICE, "Spry"}, {SPRY_HANDLE_NEXT, kind, name}}

struct spry_device {
  struct spry_note_header header;
  struct spry_note_device descriptor;
};

/* The device's handle for SPRY_CALL_DEVICE. Handles count the notes of devices from 1, in their order. The linker
 * script puts these notes one behind the other, without others between them. */
extern const struct spry_device spry_devices_start[] __attribute__((visibility("hidden")));
static inline uint64_t spry_handle(const struct spry_device *device) {
  return 1 + (uint64_t)(device - spry_devices_start);
}

/* Makes the program serve `syscall` itself (docs/abi.md, "System calls"): the instruction goes to the symbol `entry`,
 * with RSP at the symbol `stack_end`. Declared at file scope, once. In assembly, because C cannot express the distance
 * of a symbol. */
#define SPRY_SYSTEM_CALLS(entry, stack_end)                                     \
  __asm__(                                                                      \
      ".pushsection .note.spry,\"a\",@note\n\t.balign 4\n\t.long 5, 16, 4\n\t"  \
      ".ascii \"Spry\"\n\t.long 0\n\t.quad " #entry " - .\n\t.quad " #stack_end \
      " - .\n\t"                                                                \
      ".popsection")

/* Emits a note; used by the macros above and by the library's own object files. */
#define SPRY_NOTE(symbol, note_type, descriptor_type, ...)                       \
  __attribute__((section(".note.spry"), used, aligned(4))) static const struct { \
    struct spry_note_header header;                                              \
    descriptor_type descriptor;                                                  \
  } __attribute__((packed)) symbol = {{5, sizeof(descriptor_type), note_type, "Spry"}, {__VA_ARGS__}}

#ifdef __cplusplus
}
#endif

#endif
