/* The stub's own pages, where a guest is a process. The cases try what of them can be read and written, and execute the
 * stub's code from any address in it, with any values in registers. */
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

/* sum [ADDRESS BYTES]: reads these bytes, and prints a sum so that the reads are not optimised away. */
static void sum(void) {
  uint64_t total = 0, bytes = hostile_number(1, 4096);
  for (uint64_t i = 0; i < bytes; i++) total = total * 31 + at(ADDRESS)[i];
  spry_printf((int)SPRY_STREAM_OUTPUT, "%016lx\n", total);
}

/* Jumps to `to` with these values in RAX, RDI, RSI, RDX and RSP; the other registers hold `rest`. */
__attribute__((noreturn)) static void jump_with(uint64_t to, uint64_t rax, uint64_t rdi, uint64_t rsi, uint64_t rdx,
                                                uint64_t rsp, uint64_t rest) {
  static uint64_t values[7];
  values[0] = to, values[1] = rax, values[2] = rdi, values[3] = rsi, values[4] = rdx, values[5] = rsp, values[6] = rest;
  /* The target's address is taken from memory below the new stack pointer, so that no register holds it. */
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

/* As a handler of the SIGSYS of a system call, with a frame whose vectors can be loaded and whose registers are 0. */
static void jump_on_a_signal(void) {
  enum { SIGNAL_SYSTEM_CALL = 31, CODE = 8, BY_A_FILTER = 1, VECTORS = 0xe0 };
  static unsigned char vectors[4096] __attribute__((aligned(64)));
  static unsigned char context[4096] __attribute__((aligned(64)));
  static unsigned char signal[128] __attribute__((aligned(64)));
  uint64_t vectors_at = address_of(vectors);
  signal[CODE] = BY_A_FILTER;
  memcpy(context + VECTORS, &vectors_at, sizeof vectors_at);
  jump_with(ADDRESS, GETPID, SIGNAL_SYSTEM_CALL, address_of(signal), address_of(context), own_stack(), 0);
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

/* The stub's `syscall` that a `ret` follows; the stub makes the calls by it that the filter lets through. 0 if there is
 * none. */
static uint64_t own_call(void) {
  const volatile unsigned char *code = at(PLACE_STUB);
  for (uint64_t i = 0; i + 2 < 4096; i++) {
    if (code[i] == 0x0f && code[i + 1] == 0x05 && code[i + 2] == 0xc3) return PLACE_STUB + i;
  }
  return 0;
}

static long call_by_stub(long number, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r10_value, uint64_t r8_value) {
  long result;
  register uint64_t r10 __asm__("r10") = r10_value;
  register uint64_t r8 __asm__("r8") = r8_value;
  register uint64_t r9 __asm__("r9") = 0;
  __asm__ volatile("call *%[to]"
                   : "=a"(result)
                   : "a"(number), "D"(rdi), "S"(rsi), "d"(rdx), "r"(r10), "r"(r8), "r"(r9), [to] "b"(own_call())
                   : "rcx", "r11", "memory");
  return result;
}

enum { MMAP = 9, IOCTL = 16, SENDMSG = 46, RECVMSG = 47, CLOSE_RANGE = 436 };
#define UFFDIO_REGISTER 0xc020aa00
#define FIXED_SHARED 0x11
#define FIXED_ANONYMOUS 0x32
#define READ_WRITE 3
#define ANY_ADDRESS 0x10000000000

static void refused(const char *what, long result) {
  if (result >= 0 || result < -4095) reached(what);
}

/* Makes each call of the stub's with every descriptor that the stub ever had; then looks for what they would have
 * mapped. */
static void own_calls(void) {
  static uint64_t words[8];
  for (uint64_t descriptor = 0; descriptor < 32; descriptor++) {
    if (descriptor != 0) {
      refused("mmap", call_by_stub(MMAP, ANY_ADDRESS, 4096, READ_WRITE, FIXED_SHARED, descriptor));
      refused("mmap of a copy", call_by_stub(MMAP, ANY_ADDRESS, 4096, READ_WRITE, FIXED_SHARED + 1, descriptor));
    }
    refused("ioctl", call_by_stub(IOCTL, descriptor, UFFDIO_REGISTER, (uint64_t)(uintptr_t)words, 0, 0));
    refused("sendmsg", call_by_stub(SENDMSG, descriptor, (uint64_t)(uintptr_t)words, 0, 0, 0));
    refused("recvmsg", call_by_stub(RECVMSG, descriptor, (uint64_t)(uintptr_t)words, 0, 0, 0));
  }
  if (call_by_stub(CLOSE_RANGE, 1, UINT32_MAX, 0, 0, 0) != 0) reached("close_range");
  spry_printf((int)SPRY_STREAM_OUTPUT, "%02x\n", (unsigned)*at(ANY_ADDRESS));
}

static void own_mmap_anonymous(void) { call_by_stub(MMAP, ANY_ADDRESS, 4096, READ_WRITE, FIXED_ANONYMOUS, UINT64_MAX); }

static void own_mmap_lifeline(void) { call_by_stub(MMAP, ANY_ADDRESS, 4096, READ_WRITE, FIXED_SHARED, 0); }

static void own_ioctl(void) { call_by_stub(IOCTL, 0, 0x5421, (uint64_t)(uintptr_t) "", 0, 0); }

static void own_close_all(void) { call_by_stub(CLOSE_RANGE, 0, UINT32_MAX, 0, 0, 0); }

static const struct guest_case cases[] = {
    CASE(read_one),           CASE(write_one),         CASE(write_all),         CASE(sum),           CASE(jump),
    CASE(jump_ones),          CASE(jump_on_addresses), CASE(jump_on_a_signal),  CASE(system_call),   CASE(own_calls),
    CASE(own_mmap_anonymous), CASE(own_ioctl),         CASE(own_mmap_lifeline), CASE(own_close_all),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
