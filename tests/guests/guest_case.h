/* What the test guests share: a guest with many small cases is told by its first argument which one to run. */
#ifndef SPRY_TESTS_GUEST_CASE_H
#define SPRY_TESTS_GUEST_CASE_H

#include <string.h>

#include "spry/guest.h"

/* Ends the action as failed, naming the rule that does not hold. */
#define CHECK(condition)                      \
  do {                                        \
    if (!(condition)) spry_abort(#condition); \
  } while (0)

struct guest_case {
  const char *name;
  void (*run)(void);
};

#define CASE(function) \
  { #function, function }

/* Runs the case that argv[1] names. If it returns, says so: a case that must fault does not get there. */
static inline int run_case(const struct guest_case *cases, size_t count, int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < count; i++) {
    if (strcmp(argv[1], cases[i].name) == 0) {
      cases[i].run();
      spry_printf((int)SPRY_STREAM_OUTPUT, "%s returned\n", argv[1]);
      return 0;
    }
  }
  spry_abort("no such case");
}

#define RUN_CASE(cases, argc, argv) run_case(cases, sizeof(cases) / sizeof((cases)[0]), argc, argv)

static inline void say(const char *text) { spry_puts((int)SPRY_STREAM_OUTPUT, text); }

/* An address that the compiler knows nothing about. */
static inline volatile unsigned char *at(uint64_t address) {
  __asm__("" : "+r"(address));
  return (volatile unsigned char *)(uintptr_t)address;
}

static inline void read_at(uint64_t address) { (void)*at(address); }
static inline void write_at(uint64_t address) { *at(address) = 1; }
static inline void execute_at(uint64_t address) { __asm__ volatile("call *%0" : : "r"(address) : "memory"); }

/* The address of an object or a function. */
#define address_of(pointer) ((uint64_t)(uintptr_t)(pointer))

#endif
