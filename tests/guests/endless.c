/* Guests that never end by themselves. */
#include "guest_case.h"

static void spin(void) { __asm__ volatile("0: jmp 0b"); }

/* Where IOPL allows it, clears IF. The host's interrupts must come all the same. */
static void cli(void) { __asm__ volatile("cli\n0: jmp 0b"); }

static void calls(void) {
  for (;;) spry_hypercall(SPRY_CALL_CLOCK, SPRY_CLOCK_MONOTONIC, 0, 0, 0, 0);
}

static void unknown_calls(void) {
  for (;;) spry_hypercall(999, 0, 0, 0, 0, 0);
}

static void polls(void) {
  for (;;) spry_hypercall(SPRY_CALL_POLL, 0, 0, 0, 0, 0);
}

static void sleeps(void) { spry_sleep_until(UINT64_MAX); }

static void writes(void) {
  for (;;) say("endless\n");
}

static const struct guest_case cases[] = {CASE(spin),  CASE(cli),    CASE(calls), CASE(unknown_calls),
                                          CASE(polls), CASE(sleeps), CASE(writes)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
