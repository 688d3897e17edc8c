/* The cases of a stack, for the default one and for a large one. */
#ifndef SPRY_TESTS_STACK_CASES_H
#define SPRY_TESTS_STACK_CASES_H

#include "guest_case.h"

static unsigned deepest;

/* Each level has a frame of a known size, and must not become a tail call. */
__attribute__((noinline)) static unsigned descend(unsigned levels) {
  volatile unsigned char frame[1000];
  *at(address_of(&frame[levels % 1000])) = (unsigned char)levels;
  deepest = levels;
  return levels == 0 ? 0 : descend(levels - 1) + (frame[levels % 1000] != 2);
}

/* Uses nine tenths of the stack. */
static void fits(void) {
  uint64_t size = spry_boot_page()->stack_end - spry_boot_page()->stack_start;
  descend((unsigned)(size / 10 * 9 / 1100));
  CHECK(deepest == 0);
}

static void overflow(void) { descend(UINT32_MAX); }

/* As a function with large arrays does: the first access is far below the stack. */
static void huger_frame(void) {
  __asm__ volatile("sub %0, %%rsp\n\tmovq $1, 64(%%rsp)\n\tcall *%1" : : "r"(64UL << 20), "r"(spry_exit) : "memory");
}

/* As a recursion with large arrays does: frames larger than a small guard, each written at its end alone, until the
 * first that is not the stack's. */
static void large_frames(void) {
  __asm__ volatile(
      "1:\n\tsub %0, %%rsp\n\tmovq $1, (%%rsp)\n\tcmp %1, %%rsp\n\tjae 1b\n\t"
      "mov %2, %%rsp\n\txor %%edi, %%edi\n\tcall *%3"
      :
      : "r"(72UL << 10), "r"(spry_boot_page()->stack_start), "r"(spry_boot_page()->stack_end), "r"(spry_exit)
      : "memory");
}

static void guard_read(void) { read_at(spry_boot_page()->stack_start - 8); }

static void last_byte(void) {
  write_at(spry_boot_page()->stack_start);
  write_at(spry_boot_page()->stack_end - 1);
}

#define STACK_CASES CASE(fits), CASE(overflow), CASE(huger_frame), CASE(large_frames), CASE(guard_read), CASE(last_byte)

#endif
