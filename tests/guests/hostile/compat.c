/* The 32-bit segment that Linux has for its processes, and that other platforms may not have: entered by a far return
 * and by a forged signal frame. */
#include "frame.h"
#include "hostile_case.h"

#define SEGMENT_32 0x23

/* X(name): compat_code.S */
#define CODES(X)        \
  X(fault)              \
  X(spin)               \
  X(null)               \
  X(exit)               \
  X(call)               \
  X(int80_exit)         \
  X(int80_fork)         \
  X(int80_execve)       \
  X(int80_15)           \
  X(int80_39)           \
  X(int80_sigreturn)    \
  X(int80_rt_sigreturn) \
  X(int80_exit_group)   \
  X(sysenter)           \
  X(syscall)            \
  X(syscall_15)         \
  X(stack_wild)         \
  X(trap)

static struct frame forged;

#define FUNCTIONS(name)                                                                                           \
  void compat_##name(void);                                                                                       \
  static void far_##name(void) {                                                                                  \
    __asm__ volatile("push %0\n\tpush %1\n\tlretq" : : "r"((uint64_t)SEGMENT_32), "r"(compat_##name) : "memory"); \
  }                                                                                                               \
  static void frame_##name(void) {                                                                                \
    frame_prepare(&forged, compat_##name);                                                                        \
    forged.cs = SEGMENT_32;                                                                                       \
    frame_return(address_of(&forged));                                                                            \
  }                                                                                                               \
  static void blocked_##name(void) {                                                                              \
    frame_prepare(&forged, compat_##name);                                                                        \
    forged.cs = SEGMENT_32;                                                                                       \
    forged.mask = SIGNALS_ALL;                                                                                    \
    frame_return(address_of(&forged));                                                                            \
  }
#define ENTRIES(name) CASE(far_##name), CASE(frame_##name), CASE(blocked_##name),

CODES(FUNCTIONS)

static const struct guest_case cases[] = {CODES(ENTRIES)};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
