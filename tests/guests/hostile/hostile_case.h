/* What the hostile guests share. Each has many cases, which attack what keeps a guest in: its input says which one to
 * run, "CASE [NUMBER...]", or without an input its arguments do. So one machine, whose arguments never change, can run
 * all cases of a guest one after the other. Besides its own, each guest has these:
 *
 *   list           prints the names of its own cases, one a line
 *   right [BYTES]  prints "right" if nothing is left of an earlier action in this machine (traces.c); looks at so many
 *                  bytes of the heap (default: 1 MiB)
 *   wrong          leaves something and looks for it, which aborts
 *   invalid        is an invalid instruction
 *   spin           never ends
 *
 * A case that comes to its end says "CASE returned"; one that got what it must not get says "reached: ...". */
#ifndef SPRY_TESTS_HOSTILE_CASE_H
#define SPRY_TESTS_HOSTILE_CASE_H

#include "../guest_case.h"

int hostile_main(const struct guest_case *cases, size_t count, int argc, char **argv);
#define RUN_HOSTILE(cases, argc, argv) hostile_main(cases, sizeof(cases) / sizeof((cases)[0]), argc, argv)

/* The number with this index behind the case's name, in C's notation. */
uint64_t hostile_number(size_t index, uint64_t otherwise);

/* Called where no guest may get to: says so and exits with 99. */
__attribute__((noreturn)) void reached(const char *what);

/* Ends of a case, for code that a forged state leads to; RSP is as at a function's entry. */
__attribute__((noreturn)) void end_by_spin(void);
__attribute__((noreturn)) void end_by_fault(void); /* an invalid instruction */
__attribute__((noreturn)) void end_by_exit(
    void); /* status 3, by a hypercall instruction that nothing executed before */
__attribute__((noreturn)) void end_by_calls(void); /* status 4, by one that was executed before the case */

/* traces.c. Puts known values into registers and memory, and calls `ready`. */
void traces_ready(void);
/* Aborts if something is not as traces_ready left it. */
void traces_look(uint64_t heap_bytes);
/* Leaves something for traces_look in the next action. */
void traces_leave(void);

#endif
