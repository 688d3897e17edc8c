/* The memory that the least guest that is a process shares with the program that runs it. */
#ifndef SPRY_BENCH_LEAST_GUEST_H
#define SPRY_BENCH_LEAST_GUEST_H

#include <stdint.h>

enum {
  LEAST_GUEST_MEMORY = 3, /* the memory's descriptor in the guest */
  LEAST_GUEST_PAGE = 4096,
  LEAST_GUEST_ADDRESS = 0x10000000,
  LEAST_GUEST_STACK = 16 * LEAST_GUEST_PAGE, /* where signals are handled */
  LEAST_GUEST_VECTORS = 8 * LEAST_GUEST_PAGE,
};

struct least_guest_memory {
  /* The filter's listener, a descriptor in the guest; -1 until it is there. */
  volatile int32_t listener;
  __attribute__((aligned(LEAST_GUEST_PAGE))) char written[LEAST_GUEST_PAGE]; /* by each action */
  char stack[LEAST_GUEST_STACK];
  /* The signal frame into which the handler returns: the state with which an action begins, and its vectors. */
  char frame[LEAST_GUEST_PAGE];
  char vectors[LEAST_GUEST_VECTORS];
};

#endif
