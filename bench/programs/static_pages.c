/* bench-static-pages N: a static program without a C library that writes one byte to each of N pages and says Hello. It
 * is the floor for the guest that does the same (guests/pages.c). */
#include <asm/unistd.h>
#include <stddef.h>

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  register long sixth __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
}

/* The stack as the kernel makes it: the number of arguments, and the arguments. */
__asm__(
    ".globl _start\n"
    "_start: mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call run\n");

__attribute__((noreturn, used)) void run(char **stack) {
  enum { kPage = 4096, kRead = 1, kWrite = 2, kPrivate = 2, kAnonymous = 0x20 };
  static const char text[] = "Hello\n";
  size_t count = 0;
  for (const char *digit = stack[2]; digit != NULL && *digit != 0; digit++) count = count * 10 + (size_t)(*digit - '0');
  long memory = system_call(__NR_mmap, 0, (long)(count * kPage), kRead | kWrite, kPrivate | kAnonymous, -1, 0);
  if (memory > 0) {
    for (size_t i = 0; i < count; i++) *(volatile char *)(memory + (long)(i * kPage)) = 1;
  }
  long written = memory > 0 ? system_call(__NR_write, 1, (long)text, sizeof text - 1, 0, 0, 0) : 0;
  system_call(__NR_exit_group, written == sizeof text - 1 ? 0 : 1, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}
