/* FS and GS with bases that are not the guest's, while the guest faults, exits by a hypercall and spins. */
#include "hostile_case.h"
#include "places.h"

SPRY_NEEDS(.features = SPRY_FEATURE_FSGSBASE);

/* X(name, base) */
#define BASES(X)                       \
  X(null, 0)                           \
  X(one, 1)                            \
  X(nowhere, PLACE_NOWHERE)            \
  X(stub, PLACE_STUB)                  \
  X(gate_stack, PLACE_GATE_STACK)      \
  X(user_end, PLACE_CANONICAL_END - 1) \
  X(kernel, PLACE_KERNEL)              \
  X(last, UINT64_MAX)                  \
  X(not_canonical, PLACE_NOT_CANONICAL)

#define LOAD "wrfsbase %0\n\twrgsbase %0\n\t"
#define FUNCTIONS(name, base)                                                                              \
  static void fault_##name(void) { __asm__ volatile(LOAD "ud2" : : "r"((uint64_t)(base))); }               \
  static void spin_##name(void) { __asm__ volatile(LOAD "0: jmp 0b" : : "r"((uint64_t)(base))); }          \
  static void exit_##name(void) {                                                                          \
    __asm__ volatile(LOAD "mov $1, %%eax\n\tmov $3, %%edi\n\tout %%eax, $0x7e" : : "r"((uint64_t)(base))); \
  }
#define ENTRIES(name, base) CASE(fault_##name), CASE(spin_##name), CASE(exit_##name),

BASES(FUNCTIONS)

static const struct guest_case cases[] = {BASES(ENTRIES)};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
