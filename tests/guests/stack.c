/* The stack: all of it can be used, and an access beyond it is called a stack overflow. */
#include "stack_cases.h"

/* A frame that reaches beyond the guard, where something else lies. */
static void huge_frame(void) {
  uint64_t size = spry_boot_page()->stack_end - spry_boot_page()->stack_start;
  __asm__ volatile("sub %0, %%rsp\n\tmovq $1, 64(%%rsp)\n\tcall *%1" : : "r"(size + 20000), "r"(spry_exit) : "memory");
}

static void cut_off(void) { __asm__ volatile("xor %%esp, %%esp\n\tpush %%rax" : : : "memory"); }
static void not_canonical(void) { __asm__ volatile("mov %0, %%rsp\n\tpush %%rax" : : "r"(1UL << 63) : "memory"); }

/* Frame pointers that lead nowhere, or in a circle: the crash report ends all the same. */
static void circle(void) {
  static uint64_t frame[2];
  frame[0] = address_of(frame);
  frame[1] = address_of(circle) + 1;
  __asm__ volatile("mov %0, %%rbp\n\tud2" : : "r"(frame));
}
static void wild_frame(void) { __asm__ volatile("mov %0, %%rbp\n\tud2" : : "r"(0x8000000000000001)); }

static const struct guest_case cases[] = {
    STACK_CASES, CASE(huge_frame), CASE(cut_off), CASE(not_canonical), CASE(circle), CASE(wild_frame),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
