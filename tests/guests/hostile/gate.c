/* The gate's stack, where a guest is a process: full of rubbish and of forged frames, while the gate is entered by a
 * fault, by a call, by a kick, and by a jump to its system call with RDX anywhere.
 *
 *   CASE [START BYTES [VALUE ...]]: where that stack is (places.h), and what the case itself says */
#include "frame.h"
#include "hostile_case.h"
#include "places.h"

#define GETPID 39
#define START hostile_number(0, PLACE_GATE_STACK)
#define BYTES hostile_number(1, PLACE_GATE_STACK_BYTES)
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT 14

static void fill(unsigned char value) {
  for (uint64_t i = 0; i < BYTES; i++) at(START)[i] = value;
}

static void rubbish_fault(void) {
  fill((unsigned char)hostile_number(2, 0xa5));
  end_by_fault();
}

static void rubbish_exit(void) {
  fill((unsigned char)hostile_number(2, 0xa5));
  end_by_exit();
}

static void rubbish_calls(void) {
  fill((unsigned char)hostile_number(2, 0xa5));
  end_by_calls();
}

static void rubbish_spin(void) {
  fill((unsigned char)hostile_number(2, 0xa5));
  end_by_spin();
}

/* Fills the stack over and over, until the deadline. */
static void storm(void) {
  for (unsigned char value = 0;; value++) fill(value);
}

static unsigned char out_in_data[] = {0xe7, SPRY_HYPERCALL_PORT};
extern const unsigned char gate_out[];
__asm__(".text\n\tgate_out: out %eax, $0x7e\n\tret");

/* Frames like the kernel's, of events that did not happen. X(name, what is forged). */
#define FORGED(X)                                                                                         \
  X(a_hypercall, F.rip = address_of(gate_out))                                                            \
  X(an_exit, (F.rip = address_of(gate_out), F.rax = SPRY_CALL_EXIT))                                      \
  X(a_hypercall_in_data, F.rip = address_of(out_in_data))                                                 \
  X(a_hypercall_at_null, F.rip = 0)                                                                       \
  X(a_hypercall_in_the_stub, F.rip = PLACE_STUB)                                                          \
  X(a_hypercall_in_the_kernel, F.rip = PLACE_KERNEL)                                                      \
  X(a_hypercall_nowhere, F.rip = PLACE_NOWHERE)                                                           \
  X(a_hypercall_not_canonical, F.rip = PLACE_NOT_CANONICAL)                                               \
  X(a_hypercall_at_the_end, F.rip = spry_boot_page()->heap_end - 1)                                       \
  X(a_hypercall_last, F.rip = UINT64_MAX)                                                                 \
  X(a_page_fault, (F.vector = VECTOR_PAGE_FAULT, F.cr2 = spry_boot_page()->heap_start, F.error = 6))      \
  X(a_page_fault_not_canonical, (F.vector = VECTOR_PAGE_FAULT, F.cr2 = PLACE_NOT_CANONICAL, F.error = 6)) \
  X(a_page_fault_last, (F.vector = VECTOR_PAGE_FAULT, F.cr2 = UINT64_MAX, F.error = UINT64_MAX))          \
  X(no_vector, F.vector = 255)                                                                            \
  X(a_huge_vector, F.vector = UINT64_MAX)                                                                 \
  X(a_huge_error, F.error = UINT64_MAX)                                                                   \
  X(an_interrupt, F.error = 0x80 * 8 + 2)                                                                 \
  X(no_vectors, F.fpstate = 0)                                                                            \
  X(vectors_nowhere, F.fpstate = PLACE_NOWHERE)                                                           \
  X(vectors_in_the_heap, F.fpstate = spry_boot_page()->heap_start)                                        \
  X(vectors_at_the_end, F.fpstate = START + BYTES - 64)                                                   \
  X(vectors_before, F.fpstate = START - 64)                                                               \
  X(vectors_odd, F.fpstate = START + 4097)                                                                \
  X(vectors_last, F.fpstate = UINT64_MAX - 63)                                                            \
  X(wild_selectors, (F.cs = 0x10, F.ss = 0x18))                                                           \
  X(wild_flags, F.flags = UINT64_MAX)                                                                     \
  X(wild_stack, F.rsp = PLACE_NOT_CANONICAL)

static struct frame forged;
#define F forged

/* Jumps to the n-th `syscall` in the stub's first page, with the gate's number. Of the case's numbers, number 2 is RDX,
 * counted from the gate stack's start; number 3 is n, number 4 the signal, number 5 the stub's address. */
__attribute__((noreturn)) static void enter_gate(void) {
  uint64_t rdx = START + hostile_number(2, 4096), nth = hostile_number(3, 0);
  uint64_t stub = hostile_number(5, PLACE_STUB);
  const volatile unsigned char *code = at(stub);
  for (uint64_t i = 0; i < 4095; i++) {
    if (code[i] == 0x0f && code[i + 1] == 0x05 && nth-- == 0) {
      __asm__ volatile("lea -8(%[rdx]), %%rsp\n\tjmp *%[to]"
                       :
                       : [to] "r"(stub + i), "a"(GETPID), "D"(hostile_number(4, 11)), "S"(rdx), [rdx] "d"(rdx)
                       : "memory");
      __builtin_unreachable();
    }
  }
  say("none\n");
  spry_exit(0);
}

/* A frame may lie at any multiple of 16 bytes, but frames overlap: each call puts one at the distance that number 2
 * says. */
static void fill_with_frame(void) {
  uint64_t place = hostile_number(2, 4096);
  fill(0);
  for (uint64_t i = 0; i < sizeof forged && place + i < BYTES; i++) {
    at(START)[place + i] = ((const unsigned char *)&forged)[i];
  }
}

#define FUNCTION(name, change)            \
  static void forged_##name(void) {       \
    frame_prepare(&forged, end_by_calls); \
    F.vector = VECTOR_GENERAL_PROTECTION; \
    F.alternate_flags = 0;                \
    F.alternate_start = START;            \
    F.alternate_size = BYTES;             \
    F.fpstate = START + 64;               \
    change;                               \
    fill_with_frame();                    \
    enter_gate();                         \
  }
#define ENTRY(name, change) CASE(forged_##name),

FORGED(FUNCTION)

/* Nothing is forged: the stack holds what the last frame left. Only RDX is wrong (number 2, as in enter_gate). */
static void enter(void) { enter_gate(); }

static const struct guest_case cases[] = {
    CASE(rubbish_fault), CASE(rubbish_exit), CASE(rubbish_calls),
    CASE(rubbish_spin),  CASE(storm),        FORGED(ENTRY) CASE(enter),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
