/* Linux's system calls, by every instruction that makes them, from every kind of page: none may reach anything. */
#include "hostile_case.h"
#include "places.h"

#define X32 0x40000000u
#define SIGNAL_KILL 9
#define READ_WRITE_EXECUTE 7
#define FIXED_ANONYMOUS_PRIVATE 0x32

static int64_t system_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  register uint64_t r9 __asm__("r9") = f;
  int64_t result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static const char path[] = "/bin/sh";
static const char *const program[] = {path, NULL};
static uint64_t filter[] = {1, 0, 0};
static char buffer[4096];

#define TEXT (address_of(system_call) & ~(uint64_t)4095)
#define STACK spry_boot_page()->stack_start

/* X(name, number, five arguments) */
#define CALLS(X)                                                                                       \
  X(read, 0, 0, address_of(buffer), 16, 0, 0)                                                          \
  X(write, 1, 1, address_of(path), 7, 0, 0)                                                            \
  X(open, 2, address_of(path), 0, 0, 0, 0)                                                             \
  X(close, 3, 3, 0, 0, 0, 0)                                                                           \
  X(stat, 4, address_of(path), address_of(buffer), 0, 0, 0)                                            \
  X(fstat, 5, 1, address_of(buffer), 0, 0, 0)                                                          \
  X(lstat, 6, address_of(path), address_of(buffer), 0, 0, 0)                                           \
  X(mmap, 9, TEXT, 4096, READ_WRITE_EXECUTE, FIXED_ANONYMOUS_PRIVATE, UINT64_MAX)                      \
  X(mprotect, 10, TEXT, 4096, READ_WRITE_EXECUTE, 0, 0)                                                \
  X(mprotect_stack, 10, STACK, 4096, READ_WRITE_EXECUTE, 0, 0)                                         \
  X(munmap_everything, 11, 0, PLACE_USER_END, 0, 0, 0)                                                 \
  X(munmap_stub, 11, PLACE_STUB, 4096, 0, 0, 0)                                                        \
  X(brk, 12, 0, 0, 0, 0, 0)                                                                            \
  X(rt_sigaction, 13, 11, address_of(filter), 0, 8, 0)                                                 \
  X(rt_sigprocmask, 14, 0, address_of(filter), 0, 8, 0)                                                \
  X(ioctl, 16, 3, 0xc0502100, address_of(buffer), 0, 0)                                                \
  X(mremap, 25, PLACE_STUB, 4096, 4096, 3, 0x10000000)                                                 \
  X(pause, 34, 0, 0, 0, 0, 0)                                                                          \
  X(getpid, 39, 0, 0, 0, 0, 0)                                                                         \
  X(getpid_as_a_gate, 39, 11, address_of(buffer), address_of(buffer), 0, 0)                            \
  X(socket, 41, 1, 1, 0, 0, 0)                                                                         \
  X(clone, 56, 0x10f00, address_of(buffer) + 4096, 0, 0, 0)                                            \
  X(fork, 57, 0, 0, 0, 0, 0)                                                                           \
  X(vfork, 58, 0, 0, 0, 0, 0)                                                                          \
  X(execve, 59, address_of(path), address_of(program), 0, 0, 0)                                        \
  X(exit, 60, 0, 0, 0, 0, 0)                                                                           \
  X(kill_all, 62, UINT64_MAX, SIGNAL_KILL, 0, 0, 0)                                                    \
  X(kill_self, 62, 0, SIGNAL_KILL, 0, 0, 0)                                                            \
  X(ptrace, 101, 0, 0, 0, 0, 0)                                                                        \
  X(sigaltstack, 131, address_of(filter), 0, 0, 0, 0)                                                  \
  X(modify_ldt, 154, 1, address_of(filter), 16, 0, 0)                                                  \
  X(prctl, 157, 4, 1, 0, 0, 0)                                                                         \
  X(arch_prctl, 158, 0x1002, 0, 0, 0, 0)                                                               \
  X(setrlimit, 160, 4, address_of(filter), 0, 0, 0)                                                    \
  X(reboot, 169, 0xfee1dead, 672274793, 0x1234567, 0, 0)                                               \
  X(iopl, 172, 3, 0, 0, 0, 0)                                                                          \
  X(ioperm, 173, 0x7e, 1, 1, 0, 0)                                                                     \
  X(restart_syscall, 219, 0, 0, 0, 0, 0)                                                               \
  X(exit_group, 231, 0, 0, 0, 0, 0)                                                                    \
  X(tgkill, 234, 1, 1, SIGNAL_KILL, 0, 0)                                                              \
  X(process_vm_writev, 311, 1, 0, 0, 0, 0)                                                             \
  X(seccomp, 317, 1, 8, address_of(filter), 0, 0)                                                      \
  X(memfd_create, 319, address_of(path), 0, 0, 0, 0)                                                   \
  X(execveat, 322, 3, address_of(path), address_of(program), 0, 0x1000)                                \
  X(userfaultfd, 323, 1, 0, 0, 0, 0)                                                                   \
  X(io_uring_setup, 425, 1, address_of(buffer), 0, 0, 0)                                               \
  X(clone3, 435, address_of(buffer), 64, 0, 0, 0)                                                      \
  X(pidfd_getfd, 438, 3, 3, 0, 0, 0)                                                                   \
  X(none, 511, 0, 0, 0, 0, 0)                                                                          \
  X(minus_one, UINT64_MAX, 0, 0, 0, 0, 0)                                                              \
  X(least, (uint64_t)1 << 31, 0, 0, 0, 0, 0)                                                           \
  X(x32_exit, X32 | 60, 0, 0, 0, 0, 0)                                                                 \
  X(x32_getpid, X32 | 39, 0, 0, 0, 0, 0)                                                               \
  X(x32_rt_sigreturn, X32 | 513, 0, 0, 0, 0, 0)                                                        \
  X(x32_rt_sigreturn_by_15, X32 | 15, 0, 0, 0, 0, 0)                                                   \
  X(x32_execve, X32 | 520, address_of(path), address_of(program), 0, 0, 0)                             \
  X(upper_half_getpid, (uint64_t)1 << 32 | 39, 0, 0, 0, 0, 0)                                          \
  X(upper_half_sigreturn, (uint64_t)1 << 32 | 15, 0, 0, 0, 0, 0)                                       \
  X(numbered, hostile_number(0, 60), hostile_number(1, 0), hostile_number(2, 0), hostile_number(3, 0), \
    hostile_number(4, 0), hostile_number(5, 0))

#define FUNCTION(name, number, a, b, c, d, e) \
  static void call_##name(void) {             \
    system_call(number, a, b, c, d, e, 0);    \
    reached("a system call that came back");  \
  }
#define ENTRY(name, number, a, b, c, d, e) {#name, call_##name},

CALLS(FUNCTION)

/* The calls of 32-bit programs. There 15 is not rt_sigreturn; 119 and 173 are the two that return from signals. */
#define CALLS_32(X)                       \
  X(int80_exit, "int $0x80", 1)           \
  X(int80_fork, "int $0x80", 2)           \
  X(int80_chmod, "int $0x80", 15)         \
  X(int80_getpid, "int $0x80", 20)        \
  X(int80_getuid, "int $0x80", 39)        \
  X(int80_sigreturn, "int $0x80", 119)    \
  X(int80_rt_sigreturn, "int $0x80", 173) \
  X(int80_exit_group, "int $0x80", 252)   \
  X(int80_none, "int $0x80", -1)          \
  X(sysenter_exit, "sysenter", 1)         \
  X(sysenter_sigreturn, "sysenter", 119)  \
  X(sysenter_15, "sysenter", 15)

#define FUNCTION_32(name, instruction, number)                                                  \
  static void name(void) {                                                                      \
    __asm__ volatile("xor %%ebx, %%ebx\n\txor %%ecx, %%ecx\n\tmov %%rsp, %%rbp\n\t" instruction \
                     "\n\tcall reached_32\n\tud2"                                               \
                     :                                                                          \
                     : "a"((uint64_t)(number))                                                  \
                     : "rbx", "rcx", "rdx", "memory");                                          \
  }
#define ENTRY_32(name, instruction, number) CASE(name),

__attribute__((used)) static void reached_32(void) { reached("a 32-bit system call that came back"); }

CALLS_32(FUNCTION_32)

/* Linux's vsyscall page, for old programs: gettimeofday, time, getcpu. */
static void vsyscall(uint64_t entry) {
  uint64_t to = PLACE_VSYSCALL + entry;
  __asm__ volatile("call *%0" : : "r"(to), "D"(0), "S"(0) : "rax", "rcx", "r11", "memory");
  reached("the vsyscall page");
}

static void vsyscall_gettimeofday(void) { vsyscall(0); }
static void vsyscall_time(void) { vsyscall(0x400); }
static void vsyscall_getcpu(void) { vsyscall(0x800); }
static void vsyscall_middle(void) { vsyscall(1); }

/* The bytes of `syscall` and of other such instructions, executed in memory that must not be executed. */
static const unsigned char syscall_constants[] = {0x0f, 0x05, 0xc3};
static unsigned char syscall_data[] = {0x0f, 0x05, 0xc3};

static void execute(uint64_t address) {
  __asm__ volatile("call *%0" : : "r"(address), "a"(39) : "rcx", "r11", "memory");
  reached("code outside of code");
}

static uint64_t put_syscall(uint64_t address) {
  for (size_t i = 0; i < sizeof syscall_constants; i++) at(address)[i] = syscall_constants[i];
  return address;
}

static void from_constants(void) { execute(address_of(syscall_constants)); }
static void from_data(void) { execute(address_of(syscall_data)); }
static void from_heap(void) { execute(put_syscall(spry_boot_page()->heap_end - 64)); }
static void from_stack(void) { execute(put_syscall(spry_boot_page()->stack_start + 64)); }
static void from_shared_area(void) { execute(put_syscall(spry_boot_page()->devices[0].shared + 16)); }
static void from_boot_page(void) { execute(spry_boot_page()->self + 0x30); }

/* Far calls and jumps: to Linux's kernel segment and 32-bit segment, and through selectors that no program may use. */
struct far {
  uint32_t offset;
  uint16_t selector;
};
static struct far far_to;

#define FAR(X)                          \
  X(far_call_kernel, "lcall *%0", 0x10) \
  X(far_call_gate, "lcall *%0", 0x38)   \
  X(far_call_local, "lcall *%0", 7)     \
  X(far_jump_null, "ljmp *%0", 0)       \
  X(far_jump_kernel, "ljmp *%0", 0x10)  \
  X(far_jump_task, "ljmp *%0", 0x40)    \
  X(far_jump_32_bits, "ljmp *%0", 0x23)

#define FUNCTION_FAR(name, instruction, its_selector)         \
  static void name(void) {                                    \
    far_to = (struct far){0, its_selector};                   \
    __asm__ volatile(instruction : : "m"(far_to) : "memory"); \
    reached("a far segment");                                 \
  }
#define ENTRY_FAR(name, instruction, its_selector) CASE(name),

FAR(FUNCTION_FAR)

static const struct guest_case cases[] = {
    CALLS(ENTRY) CALLS_32(ENTRY_32) FAR(ENTRY_FAR) CASE(vsyscall_gettimeofday),
    CASE(vsyscall_time),
    CASE(vsyscall_getcpu),
    CASE(vsyscall_middle),
    CASE(from_constants),
    CASE(from_data),
    CASE(from_heap),
    CASE(from_stack),
    CASE(from_shared_area),
    CASE(from_boot_page),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
