/* Hypercalls that do not exist, devices and operations that do not exist: each answers with its error. */
#include "guest_case.h"

/* With all of RAX, of which the number is the lower half. */
static int64_t call(uint64_t rax, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  __asm__ volatile("out %%eax, %[port]"
                   : "+a"(rax)
                   : [port] "i"(SPRY_HYPERCALL_PORT), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return (int64_t)rax;
}

static void unknown_numbers(void) {
  static const uint64_t numbers[] = {0, SPRY_CALL_COUNT, 8, 255, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) CHECK(call(numbers[i], 0, 0, 0, 0, 0) == -SPRY_ENOSYS);
}

static void upper_half(void) {
  CHECK(call(0xdeadbeef00000000 | SPRY_CALL_CLOCK, SPRY_CLOCK_MONOTONIC, 0, 0, 0, 0) > 0);
  CHECK(call((uint64_t)1 << 32, 0, 0, 0, 0, 0) == -SPRY_ENOSYS);
}

static void clocks(void) {
  static const uint64_t bad[] = {0, 3, 0x100000001, UINT64_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(call(SPRY_CALL_CLOCK, bad[i], 0, 0, 0, 0) == -SPRY_EINVAL);
}

static void handles(void) {
  static const uint64_t bad[] = {1, 2, 63, 64, 65, 0x7fffffff, 0x100000000, (uint64_t)1 << 63, UINT64_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(call(SPRY_CALL_DEVICE, bad[i], SPRY_CONSOLE_WRITE, SPRY_STREAM_OUTPUT, address_of("x"), 1) == -SPRY_EBADF);
  }
}

static void operations(void) {
  static const uint64_t bad[] = {0, 2, 3, 0x100000001, (uint64_t)1 << 63, UINT64_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(call(SPRY_CALL_DEVICE, 0, bad[i], SPRY_STREAM_OUTPUT, address_of("x"), 1) == -SPRY_ENOSYS);
  }
}

static void streams(void) {
  static const uint64_t bad[] = {0, 3, 0x100000001, UINT64_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK(call(SPRY_CALL_DEVICE, 0, SPRY_CONSOLE_WRITE, bad[i], address_of("x"), 1) == -SPRY_EINVAL);
  }
}

/* `out` by DX is the same call. */
static void by_dx(void) {
  int64_t result;
  __asm__ volatile("out %%eax, %%dx" : "=a"(result) : "a"(999), "d"(SPRY_HYPERCALL_PORT) : "rcx", "r11", "memory");
  CHECK(result == -SPRY_ENOSYS);
}

/* REP and REX.W mean nothing to `out`. */
static void prefixes(void) {
  int64_t result;
  uint64_t count = 0;
  __asm__ volatile(".byte 0xf3, 0xe7, %c2"
                   : "=a"(result), "+c"(count)
                   : "i"(SPRY_HYPERCALL_PORT), "a"(999)
                   : "r11", "memory");
  CHECK(result == -SPRY_ENOSYS);
  __asm__ volatile(".byte 0x48, 0xe7, %c1"
                   : "=a"(result)
                   : "i"(SPRY_HYPERCALL_PORT), "a"(999)
                   : "rcx", "r11", "memory");
  CHECK(result == -SPRY_ENOSYS);
}

static const struct guest_case cases[] = {
    CASE(unknown_numbers), CASE(upper_half), CASE(clocks), CASE(handles),
    CASE(operations),      CASE(streams),    CASE(by_dx),  CASE(prefixes),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
