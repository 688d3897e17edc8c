/* The ways in which the spy's `fill WAY` ends, for the spy and for the programs that run it: X(name, reason, status,
 * words). The reason is exit, abort, fault or deadline; the status that of `spry run`; the words are what a fault's (or
 * abort's) sentence contains on every host, "" if there is none.
 *
 * The last two need a deadline. The registers that a way needs for itself are the only ones that do not hold the
 * secret. */
#ifndef SPRY_TESTS_SPY_WAYS_H
#define SPRY_TESTS_SPY_WAYS_H

#define SPY_WAYS(X)                                                                            \
  X(exit, "exit", 0, "")                                                                       \
  X(exit_7, "exit", 7, "")                                                                     \
  X(ready, "exit", 0, "")    /* a second ready, or a first one that was not to be made */      \
  X(bad_call, "exit", 0, "") /* a device call, all of its arguments secret, and then exit */   \
  X(abort, "abort", 134, "its message is not in readable memory")                              \
  X(null_write, "fault", 139, "null pointer write at 0x8")                                     \
  X(debug_register, "fault", 139, "privileged instruction")                                    \
  X(hlt, "fault", 139, "privileged instruction")                                               \
  X(divide, "fault", 139, "integer division by zero or overflow")                              \
  X(invalid, "fault", 139, "invalid instruction")                                              \
  X(breakpoint, "fault", 139, "breakpoint")                                                    \
  X(trap, "fault", 139, "debug trap")                                                          \
  X(system_call, "fault", 139, "system call instruction")                                      \
  X(stack_overflow, "fault", 139, "stack overflow at")                                         \
  X(execute_data, "fault", 139, "executed data at")                                            \
  X(in, "fault", 139, "access to I/O port 0x7e")                                               \
  X(in_other, "fault", 139, "access to I/O port 0x60")                                         \
  X(ins, "fault", 139, "access to I/O port 0x7e")       /* rep insb, into memory of its own */ \
  X(ins_other, "fault", 139, "access to I/O port 0x60") /* rep insl */                         \
  X(outs, "fault", 139, "access to I/O port 0x7e")      /* rep outsb */                        \
  X(out_byte, "fault", 139, "access to I/O port 0x7e")                                         \
  X(out_word, "fault", 139, "access to I/O port 0x7e")                                         \
  X(spin, "deadline", 124, "")                                                                 \
  X(poll, "deadline", 124, "")

#endif
