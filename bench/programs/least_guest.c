/* The least guest that is a process. The only system call that it can make is the return from a signal. It runs one
 * action after the other: an action writes to a page, and ends with a notification. On a signal it begins again: the
 * handler returns into a frame that was prepared. There is no C library. */
#include "least_guest.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

enum {
  kShared = 1,
  kFixed = 0x10,
  kRead = 1,
  kWrite = 2,
  kSigill = 4,
  kSigkill = 9,
  kSigusr1 = 10,
  kSiginfo = 0x4,
  kRestorer = 0x04000000,
  kOnStack = 0x08000000,
  kNoDefer = 0x40000000,
  kInstruction = 16, /* of the general registers in a frame: RIP */
  kVectorSize = 468, /* the offset in a frame's vector state where the kernel puts the size of that state */
};

/* As the kernel lays them out. */
struct action {
  void (*handler)(void);
  uint64_t flags;
  void (*restorer)(void);
  uint64_t mask;
};

struct stack {
  void *address;
  int32_t flags;
  uint64_t size;
};

struct frame {
  uint64_t flags;
  uint64_t link;
  struct stack stack;
  uint64_t registers[23];
  char *vectors;
  uint64_t reserved[8];
  uint64_t mask;
};

static struct least_guest_memory *const memory = (struct least_guest_memory *)LEAST_GUEST_ADDRESS;

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

static void need(int holds, int code) {
  if (!holds) system_call(__NR_exit_group, code, 0, 0, 0, 0, 0);
}

static void copy(char *to, const char *from, uint64_t size) {
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

void give_back(void);
void begin_again(void);
void actions(void);
void keep(void);

__asm__(
    "give_back: mov $15, %eax\n"
    "  syscall\n"
    /* The prepared frame lies where a handler's own would. */
    "begin_again: mov $0x10012000, %esp\n"
    "  mov $15, %eax\n"
    "  syscall\n"
    /* One action: a page written, and the end notified. */
    "actions: movl $7, 0x10001000\n"
    "  mov $1, %eax\n"
    "  syscall\n"
    "  jmp actions\n"
    /* A handler's third argument is its frame. */
    "keep: mov %rdx, %rdi\n"
    "  jmp keep_frame\n");

_Static_assert(LEAST_GUEST_ADDRESS + offsetof(struct least_guest_memory, written) == 0x10001000, "as in `actions`");
_Static_assert(LEAST_GUEST_ADDRESS + offsetof(struct least_guest_memory, frame) == 0x10012000, "as in `begin_again`");

/* Keeps the state that this signal interrupted: all actions begin with it. */
__attribute__((used)) void keep_frame(struct frame *frame) {
  uint32_t size;
  copy((char *)&size, frame->vectors + kVectorSize, sizeof size);
  need(size <= LEAST_GUEST_VECTORS, 4);
  copy(memory->vectors, frame->vectors, size);
  copy(memory->frame, (const char *)frame, sizeof *frame);
  struct frame *kept = (struct frame *)(void *)memory->frame;
  kept->vectors = memory->vectors;
  kept->registers[kInstruction] = (uint64_t)(uintptr_t)actions;
  frame->registers[kInstruction] += 2; /* past the ud2 */
}

static void handle(int signal, void (*handler)(void)) {
  struct action action = {handler, kSiginfo | kRestorer | kOnStack | kNoDefer, give_back, 0};
  need(system_call(__NR_rt_sigaction, signal, (long)&action, 0, sizeof action.mask, 0, 0) == 0, 2);
}

/* Makes every system call of every architecture a notification, except rt_sigreturn. */
static long filter(void) {
  struct sock_filter lines[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_rt_sigreturn, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof lines / sizeof *lines, lines};
  return system_call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, (long)&program, 0, 0, 0);
}

__attribute__((noreturn, used)) void _start(void);

void _start(void) {
  need(system_call(__NR_prctl, PR_SET_PDEATHSIG, kSigkill, 0, 0, 0, 0) == 0, 1);
  need(system_call(__NR_mmap, LEAST_GUEST_ADDRESS, sizeof *memory, kRead | kWrite, kShared | kFixed, LEAST_GUEST_MEMORY,
                   0) == LEAST_GUEST_ADDRESS,
       1);
  struct stack stack = {memory->stack, 0, sizeof memory->stack};
  need(system_call(__NR_sigaltstack, (long)&stack, 0, 0, 0, 0, 0) == 0, 2);
  handle(kSigill, keep);
  handle(kSigusr1, begin_again);
  __asm__ volatile("ud2" : : : "memory");
  need(system_call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) == 0, 3);
  memory->listener = (int32_t)filter();
  actions();
  __builtin_unreachable();
}
