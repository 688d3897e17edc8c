/* The stub's own pages, where a guest is a process: what of them can be read and written, and its code executed from
 * anywhere in it, with registers that say anything. */
#include "hostile_case.h"
#include "places.h"

#define GETPID 39
#define ADDRESS hostile_number(0, PLACE_STUB)

static void read_one(void) { spry_printf((int)SPRY_STREAM_OUTPUT, "%02x\n", (unsigned)*at(ADDRESS)); }

static void write_one(void) {
  volatile unsigned char *byte = at(ADDRESS);
  *byte = *byte;
}

/* write [ADDRESS BYTES VALUE] */
static void write_all(void) {
  uint64_t bytes = hostile_number(1, 4096);
  for (uint64_t i = 0; i < bytes; i++) at(ADDRESS)[i] = (unsigned char)hostile_number(2, 0x90);
}

/* sum [ADDRESS BYTES]: of words, so that something is read. */
static void sum(void) {
  uint64_t total = 0, bytes = hostile_number(1, 4096);
  for (uint64_t i = 0; i < bytes; i++) total = total * 31 + at(ADDRESS)[i];
  spry_printf((int)SPRY_STREAM_OUTPUT, "%016lx\n", total);
}

/* Loads RAX, RDI, RSI, RDX, RSP; the others hold `rest`. */
__attribute__((noreturn)) static void jump_with(uint64_t to, uint64_t rax, uint64_t rdi, uint64_t rsi, uint64_t rdx,
                                                uint64_t rsp, uint64_t rest) {
  static uint64_t values[7];
  values[0] = to, values[1] = rax, values[2] = rdi, values[3] = rsi, values[4] = rdx, values[5] = rsp, values[6] = rest;
  /* The address lies below the new stack pointer's place, in none of the registers. */
  __asm__ volatile(
      "mov 48+%[values], %%rbx\n\t"
      "mov 8+%[values], %%rax\n\t"
      "mov 16+%[values], %%rdi\n\t"
      "mov 24+%[values], %%rsi\n\t"
      "mov 32+%[values], %%rdx\n\t"
      "mov 40+%[values], %%rsp\n\t"
      "mov %%rbx, %%rcx\n\tmov %%rbx, %%rbp\n\tmov %%rbx, %%r8\n\tmov %%rbx, %%r9\n\t"
      "mov %%rbx, %%r10\n\tmov %%rbx, %%r11\n\tmov %%rbx, %%r12\n\tmov %%rbx, %%r13\n\t"
      "mov %%rbx, %%r14\n\tmov %%rbx, %%r15\n\t"
      "jmp *%[values]"
      :
      : [values] "m"(values)
      : "memory");
  __builtin_unreachable();
}

static uint64_t own_stack(void) { return spry_boot_page()->stack_end - 16384; }

/* jump [ADDRESS RAX RDI RSI RDX RSP] */
static void jump(void) {
  jump_with(ADDRESS, hostile_number(1, 0), hostile_number(2, 0), hostile_number(3, 0), hostile_number(4, 0),
            hostile_number(5, own_stack()), 0);
}

/* The same with registers full of ones, and with a stack full of addresses of the stub. */
static void jump_ones(void) {
  jump_with(ADDRESS, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX);
}

static void jump_on_addresses(void) {
  uint64_t *stack = (uint64_t *)(uintptr_t)own_stack();
  for (unsigned i = 0; i < 1024; i++) stack[i] = hostile_number(1, PLACE_STUB);
  jump_with(ADDRESS, GETPID, 11, own_stack(), own_stack(), own_stack(), own_stack());
}

/* The `syscall` number NTH that is found in [ADDRESS, ADDRESS + BYTES), with RAX and RDX: syscall [ADDRESS BYTES NTH
 * RAX RDI RDX]. */
static void system_call(void) {
  uint64_t bytes = hostile_number(1, 4096), nth = hostile_number(2, 0);
  const volatile unsigned char *code = at(ADDRESS);
  for (uint64_t i = 0; i + 1 < bytes; i++) {
    if (code[i] == 0x0f && code[i + 1] == 0x05 && nth-- == 0) {
      jump_with(ADDRESS + i, hostile_number(3, GETPID), hostile_number(4, 11), hostile_number(6, own_stack()),
                hostile_number(5, own_stack()), own_stack(), 0);
    }
  }
  say("none\n");
}

static const struct guest_case cases[] = {
    CASE(read_one), CASE(write_one), CASE(write_all),         CASE(sum),
    CASE(jump),     CASE(jump_ones), CASE(jump_on_addresses), CASE(system_call),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
