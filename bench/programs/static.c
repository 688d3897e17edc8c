/* The paper's "microcontainer": a static program without a C library that prints by a system call of its own. It is
 * also the least that a Linux process can be. */
#include <asm/unistd.h>

static long system_call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

__attribute__((noreturn, used)) void _start(void);

void _start(void) {
  static const char text[] = "Hello\n";
  long written = system_call(__NR_write, 1, (long)text, sizeof text - 1);
  system_call(__NR_exit_group, written == sizeof text - 1 ? 0 : 1, 0, 0);
  __builtin_unreachable();
}
