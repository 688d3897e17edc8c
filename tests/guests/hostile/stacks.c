/* RSP at every boundary, while the guest faults, calls and spins. */
#include "hostile_case.h"
#include "places.h"

static uint64_t image_start(void) { return spry_boot_page()->image_start; }
static uint64_t gate_stack(void) { return hostile_number(0, PLACE_GATE_STACK); }
static uint64_t gate_stack_end(void) { return gate_stack() + hostile_number(1, PLACE_GATE_STACK_BYTES); }

/* X(name, RSP) */
#define PLACES(X)                                  \
  X(zero, 0)                                       \
  X(one, 1)                                        \
  X(seven, 7)                                      \
  X(eight, 8)                                      \
  X(null_page_end, 4096)                           \
  X(user_end, PLACE_USER_END)                      \
  X(canonical_end, PLACE_CANONICAL_END)            \
  X(not_canonical, PLACE_NOT_CANONICAL)            \
  X(kernel, PLACE_KERNEL)                          \
  X(last_bytes, UINT64_MAX - 7)                    \
  X(last_byte, UINT64_MAX)                         \
  X(nowhere, PLACE_NOWHERE)                        \
  X(stub, PLACE_STUB)                              \
  X(stub_end, PLACE_STUB + 4096)                   \
  X(gate_bottom, gate_stack())                     \
  X(gate_bottom_eight, gate_stack() + 8)           \
  X(gate_low, gate_stack() + 512)                  \
  X(gate_middle, gate_stack() + 6000)              \
  X(gate_top_eight, gate_stack_end() - 8)          \
  X(gate_top, gate_stack_end())                    \
  X(guard, spry_boot_page()->stack_start - 8)      \
  X(stack_bottom, spry_boot_page()->stack_start)   \
  X(stack_top, spry_boot_page()->stack_end)        \
  X(stack_odd, spry_boot_page()->stack_end - 1001) \
  X(boot_page, spry_boot_page()->self + 128)       \
  X(code, address_of(end_by_fault))                \
  X(constants, image_start() + 64)                 \
  X(heap_end, spry_boot_page()->heap_end)          \
  X(anywhere, hostile_number(0, 0))

#define FUNCTIONS(name, place)                                                                     \
  static void fault_##name(void) {                                                                 \
    uint64_t rsp = place;                                                                          \
    __asm__ volatile("mov %0, %%rsp\n\tud2" : : "r"(rsp) : "memory");                              \
  }                                                                                                \
  static void call_##name(void) {                                                                  \
    uint64_t rsp = place;                                                                          \
    int64_t result;                                                                                \
    for (unsigned i = 0; i < 3; i++) {                                                             \
      __asm__ volatile("mov %%rsp, %%r12\n\tmov %1, %%rsp\n\tout %%eax, $0x7e\n\tmov %%r12, %%rsp" \
                       : "=a"(result)                                                              \
                       : "r"(rsp), "a"(999)                                                        \
                       : "r12", "rcx", "r11", "memory");                                           \
      CHECK(result == -SPRY_ENOSYS);                                                               \
    }                                                                                              \
  }                                                                                                \
  static void spin_##name(void) {                                                                  \
    uint64_t rsp = place;                                                                          \
    __asm__ volatile("mov %0, %%rsp\n0:\n\tjmp 0b" : : "r"(rsp) : "memory");                       \
  }
#define ENTRIES(name, place) CASE(fault_##name), CASE(call_##name), CASE(spin_##name),

PLACES(FUNCTIONS)

static const struct guest_case cases[] = {PLACES(ENTRIES)};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
