/* The memory that the least guest of a process shares with who runs it, at one address in the guest. */
#ifndef SPRY_BENCH_LEAST_GUEST_H
#define SPRY_BENCH_LEAST_GUEST_H

#include <stdint.h>

enum {
  LEAST_GUEST_MEMORY = 3, /* the descriptor that it comes by */
  LEAST_GUEST_PAGE = 4096,
  LEAST_GUEST_ADDRESS = 0x10000000,
  LEAST_GUEST_STACK = 16 * LEAST_GUEST_PAGE, /* where signals are handled */
  LEAST_GUEST_VECTORS = 8 * LEAST_GUEST_PAGE,
};

struct least_guest_memory {
  /* Of the filter, in the guest's table of descriptors; -1 until it is there. */
  volatile int32_t listener;
  __attribute__((aligned(LEAST_GUEST_PAGE))) char written[LEAST_GUEST_PAGE]; /* by each action */
  char stack[LEAST_GUEST_STACK];
  /* What a signal's handler returns into: the state that an action begins with, and its vectors. */
  char frame[LEAST_GUEST_PAGE];
  char vectors[LEAST_GUEST_VECTORS];
};

#endif
