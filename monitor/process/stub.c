/* The program that a guest's process begins with. It maps the guest's memory as the monitor's plan says, gives itself a
 * gate (a signal handler), takes every system call away from itself (seccomp(2)), and begins the guest. Freestanding:
 * no C library, no data that can be written, no stack but the kernel's first one and then the gate's.
 *
 * What is left of it beside the guest are `gate` and `begin`, and a guest that jumps into them gains nothing: it cannot
 * change its signal mask, its alternate stack or its mappings, because there is no call that it can make. */
#include <asm/prctl.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "linux_api.h"
#include "plan.h"

/* What the C library's headers would have. */
#define AF_SOL_SOCKET 1
#define SCM_RIGHTS 1
#define MSG_NOSIGNAL 0x4000
#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif
#define CONTROL_SPACE(count) (sizeof(struct control_header) + ((count) * sizeof(int) + 7) / 8 * 8)

struct io_vector {
  void *base;
  size_t size;
};
struct message {
  void *name;
  int name_size;
  struct io_vector *vectors;
  size_t vector_count;
  void *control;
  size_t control_size;
  unsigned flags;
};
struct control_header {
  size_t size;
  int level;
  int type;
};
struct kernel_sigaction {
  const void *handler;
  unsigned long flags;
  const void *restorer;
  uint64_t mask;
};

/* All is in this file, and found relative to the instruction. */
#pragma GCC visibility push(hidden)

/* Code addresses. The filter knows two calls by what is behind their `syscall`. */
extern const char spry_gate[], spry_gate_called[], spry_begin[], spry_base_set[], spry_sent[], spry_closed[];

#define POP_GENERAL                                                                                            \
  "  pop %r8\n  pop %r9\n  pop %r10\n  pop %r11\n  pop %r12\n  pop %r13\n  pop %r14\n  pop %r15\n  pop %rdi\n" \
  "  pop %rsi\n  pop %rbp\n  pop %rbx\n  pop %rdx\n  pop %rax\n  pop %rcx\n"
#define TEXT(value) #value
#define VALUE(value) TEXT(value)

__asm__(
    /* Signal handler for exceptions, and for the monitor's wish to see all registers: RDI = signal number, RSI =
     * siginfo, RDX = ucontext. The monitor reads these and the frame, and beside them what no frame has: R10 and R8 are
     * the bases of FS and GS, R9 the selectors DS, ES, FS and GS. If it lets the guest go on, the answer is the address
     * of a spry_registers. sigreturn is not used, and so is not there for a guest that would change its signal mask or
     * its alternate stack by it. getpid's number is what every other filter around this process allows. */
    ".globl spry_gate, spry_gate_called\n"
    "spry_gate:\n"
    "  movabs $" VALUE(SPRY_START) ", %rcx\n"
    "  cmpl $0, 24(%rcx)\n"
    "  je 1f\n"
    "  rdfsbase %r10\n"
    "  rdgsbase %r8\n"
    "1:\n"
    "  mov %gs, %r9d\n"
    "  shl $16, %r9\n"
    "  mov %fs, %eax\n"
    "  or %rax, %r9\n"
    "  shl $16, %r9\n"
    "  mov %es, %eax\n"
    "  or %rax, %r9\n"
    "  shl $16, %r9\n"
    "  mov %ds, %eax\n"
    "  or %rax, %r9\n"
    "  mov $39, %eax\n"
    "  syscall\n"
    "spry_gate_called:\n"
    "  mov %rax, %rbx\n"
    "  test %rax, %rax\n"
    "  jns 1f\n"
    /* ENOSYS: there is no monitor any more that answers. A fault for whose frame there is no room ends this process. */
    "  movabs $" VALUE(SPRY_GATE_STACK) " + 64, %rsp\n"
    "  hlt\n"
    "1:\n"
    "  push $2\n"
    "  popf\n" /* iretq faults where NT is set */
    "  mov 0xe0(%rdx), %rdi\n" /* uc_mcontext.fpregs */
    "  mov $-1, %eax\n"
    "  mov $-1, %edx\n"
    "  xrstor64 (%rdi)\n"
    /* From here on another frame may take this one's place. */
    "  mov %rbx, %rsp\n"
    POP_GENERAL
    "  iretq\n"
    /* The next action, as a signal handler. It clears the gate stack, where the kernel has just put the registers of
     * the last action, and uses no memory that the guest could have spoiled. */
    ".globl spry_begin\n"
    "spry_begin:\n"
    "  movabs $" VALUE(SPRY_START) " + 32, %rsp\n"
    "  popf\n"
    "  movabs $" VALUE(SPRY_GATE_STACK) ", %rdi\n"
    "  mov $" VALUE(SPRY_GATE_STACK_SIZE) " / 8, %ecx\n"
    "  xor %eax, %eax\n"
    "  rep stosq\n"
    "  jmp 1f\n"
    /* The first action: on the gate stack is what `go` left there. Selectors come before bases, because loading one may
     * change the other. What the CPU remembers of x87's last instruction is not among what XRSTOR loads everywhere. */
    ".globl spry_begin_first\n"
    "spry_begin_first:\n"
    "  movabs $" VALUE(SPRY_GATE_STACK) " + " VALUE(SPRY_GATE_STACK_SIZE) " - 4096, %rdi\n"
    "  mov $4096 / 8, %ecx\n"
    "  xor %eax, %eax\n"
    "  rep stosq\n"
    "1:\n"
    "  movabs $" VALUE(SPRY_START) ", %rbx\n"
    "  mov $0x2b, %eax\n" /* the bases become 0: a null selector alone may leave them as they are */
    "  mov %eax, %fs\n"
    "  mov %eax, %gs\n"
    "  movzwl 16(%rbx), %eax\n"
    "  mov %eax, %ds\n"
    "  movzwl 18(%rbx), %eax\n"
    "  mov %eax, %es\n"
    "  movzwl 22(%rbx), %eax\n"
    "  mov %eax, %gs\n"
    "  movzwl 20(%rbx), %eax\n"
    "  mov %eax, %fs\n"
    "  mov (%rbx), %rsi\n"
    "  cmpl $0, 24(%rbx)\n"
    "  je 2f\n"
    "  wrfsbase %rsi\n"
    "  mov 8(%rbx), %rax\n"
    "  wrgsbase %rax\n"
    "  jmp 3f\n"
    "2:\n"
    "  cmp $3, %eax\n" /* a selector that is not null has its descriptor's base */
    "  ja 3f\n"
    "  mov $0x1002, %edi\n" /* ARCH_SET_FS */
    "  mov $158, %eax\n"
    "  syscall\n"
    ".globl spry_base_set\n"
    "spry_base_set:\n"
    "3:\n"
    "  fninit\n"
    "  mov $-1, %eax\n"
    "  mov $-1, %edx\n"
    "  xrstor64 256(%rbx)\n"
    "  lea 32(%rbx), %rsp\n"
    "  popf\n" /* leaves RSP at spry_start.begin */
    POP_GENERAL
    "  iretq\n"
    /* spry_send(descriptor, message, flags) and spry_close(first, last, flags). */
    ".globl spry_send, spry_sent, spry_close, spry_closed\n"
    "spry_send:\n"
    "  mov $46, %eax\n"
    "  syscall\n"
    "spry_sent:\n"
    "  ret\n"
    "spry_close:\n"
    "  mov $436, %eax\n"
    "  syscall\n"
    "spry_closed:\n"
    "  ret\n"
    /* spry_continue(function): on the gate stack. */
    ".globl spry_continue\n"
    "spry_continue:\n"
    "  movabs $" VALUE(SPRY_GATE_STACK) " + " VALUE(SPRY_GATE_STACK_SIZE) ", %rsp\n"
    "  xor %ebp, %ebp\n"
    "  call *%rdi\n"
    "  ud2\n"
    ".globl _start\n"
    "_start:\n"
    "  and $-64, %rsp\n"
    "  call spry_main\n"
    "  ud2\n");
_Static_assert(offsetof(struct spry_start, ds) == 16 && offsetof(struct spry_start, gs) == 22 &&
                   offsetof(struct spry_start, fsgsbase) == 24 && offsetof(struct spry_start, flags) == 32 &&
                   offsetof(struct spry_start, begin) == 40 && offsetof(struct spry_start, vectors) == 256 &&
                   sizeof(struct spry_start) <= SPRY_START_SIZE,
               "the offsets above");
_Static_assert(__NR_getpid == 39 && __NR_sendmsg == 46 && __NR_close_range == 436 && __NR_arch_prctl == 158 &&
                   ARCH_SET_FS == 0x1002,
               "the numbers above");

long spry_send(int descriptor, const struct message *message, int flags);
long spry_close(unsigned first, unsigned last, unsigned flags);
__attribute__((noreturn)) void spry_continue(void (*function)(void));
__attribute__((noreturn)) void spry_begin_first(void);
__attribute__((noreturn)) void spry_main(void);

#pragma GCC visibility pop

static inline long call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#define CALL3(number, a, b, c) call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* What the second half needs of the first; it lies in the gate stack's first page, below all that `go` pushes. */
struct state {
  struct spry_reply reply;
  int descriptors[3];
  unsigned descriptor_count;
};
#define STATE ((struct state *)(SPRY_GATE_STACK + SPRY_GATE_STACK_SIZE - 4096))

__attribute__((noreturn)) static void leave(void) {
  for (;;) CALL3(__NR_exit_group, 1, 0, 0);
}

static long reply(const struct spry_reply *words, const int *descriptors, unsigned count) {
  struct io_vector vector = {(void *)(uintptr_t)words, sizeof *words};
  struct {
    struct control_header header;
    int descriptors[4];
  } control;
  control.header.size = sizeof control.header + count * sizeof(int);
  control.header.level = AF_SOL_SOCKET;
  control.header.type = SCM_RIGHTS;
  for (unsigned i = 0; i < count; i++) control.descriptors[i] = descriptors[i];
  struct message message;
  message.name = NULL;
  message.name_size = 0;
  message.vectors = &vector;
  message.vector_count = 1;
  message.control = count != 0 ? &control : NULL;
  message.control_size = count != 0 ? CONTROL_SPACE(count) : 0;
  message.flags = 0;
  return spry_send(SPRY_FD_CHANNEL, &message, MSG_NOSIGNAL);
}

/* Tells the monitor what failed, with errno or the negated result of a call. */
__attribute__((noreturn, noinline)) static void fail(uint32_t step, long result, uint64_t where) {
  struct spry_reply words;
  words.step = step;
  words.error = (int32_t)-result;
  words.where = where;
  words.flags = 0;
  words.log_error = 0;
  words.gate = 0;
  reply(&words, NULL, 0);
  leave();
}

static void check(uint32_t step, long result) {
  if (result < 0) fail(step, result, 0);
}

/* The kernel kills this process when the last writer of the pipe is gone, which is the monitor (fcntl(2), F_SETSIG). It
 * may have gone before that was asked for: poll(2) tells. */
static void tie_to_monitor(void) {
  check(SPRY_STEP_LIFELINE, CALL3(__NR_fcntl, SPRY_FD_LIFELINE, F_SETSIG, SIGKILL));
  check(SPRY_STEP_LIFELINE, CALL3(__NR_fcntl, SPRY_FD_LIFELINE, F_SETOWN, CALL3(__NR_getpid, 0, 0, 0)));
  check(SPRY_STEP_LIFELINE, CALL3(__NR_fcntl, SPRY_FD_LIFELINE, F_SETFL, FASYNC));
  struct pollfd lifeline = {SPRY_FD_LIFELINE, POLLIN, 0};
  check(SPRY_STEP_LIFELINE, CALL3(__NR_poll, &lifeline, 1, 0));
  if ((lifeline.revents & POLLHUP) != 0) leave();
}

/* Written pages are what userfaultfd(2) with asynchronous write protection tells, by an ioctl of the pagemap. 0, or
 * what the kernel does not have. */
static long log_writes(const struct spry_plan *plan, int descriptors[2]) {
  const long log = CALL3(__NR_userfaultfd, UFFD_USER_MODE_ONLY | O_CLOEXEC, 0, 0);
  if (log < 0) return log;
  descriptors[0] = (int)log;
  struct uffdio_api api;
  api.api = UFFD_API;
  api.features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
  api.ioctls = 0;
  long result = CALL3(__NR_ioctl, log, UFFDIO_API, &api);
  if (result < 0) return result;
  for (uint32_t i = 0; i < plan->count; i++) {
    const struct spry_mapping *mapping = &plan->mappings[i];
    if ((mapping->how & SPRY_MAP_LOGGED) == 0) continue;
    struct uffdio_register range;
    range.range.start = mapping->address;
    range.range.len = mapping->size;
    range.mode = UFFDIO_REGISTER_MODE_WP;
    range.ioctls = 0;
    result = CALL3(__NR_ioctl, log, UFFDIO_REGISTER, &range);
    if (result < 0) return result;
  }
  const long pagemap = call(__NR_openat, AT_FDCWD, (long)"/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0, 0, 0);
  if (pagemap < 0) return pagemap;
  descriptors[1] = (int)pagemap;
  return 0;
}

/* The first touch of some pages waits for the monitor, which brings them (userfaultfd(2)). */
static long tell_faults(const struct spry_plan *plan) {
  const long log = CALL3(__NR_userfaultfd, UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK, 0, 0);
  if (log < 0) return log;
  struct uffdio_api api;
  api.api = UFFD_API;
  api.features = UFFD_FEATURE_MISSING_SHMEM;
  api.ioctls = 0;
  long result = CALL3(__NR_ioctl, log, UFFDIO_API, &api);
  for (uint64_t i = 0; result >= 0 && i < plan->fault_count; i++) {
    struct uffdio_register range;
    range.range.start = plan->faults[i].address;
    range.range.len = plan->faults[i].size;
    range.mode = UFFDIO_REGISTER_MODE_MISSING;
    range.ioctls = 0;
    result = CALL3(__NR_ioctl, log, UFFDIO_REGISTER, &range);
  }
  return result < 0 ? result : log;
}

static void set_signals(void) {
  const struct {
    void *stack;
    int flags;
    size_t size;
  } stack = {(void *)SPRY_GATE_STACK, 0, SPRY_GATE_STACK_SIZE};
  check(SPRY_STEP_SIGNALS, CALL3(__NR_sigaltstack, &stack, 0, 0));
  struct kernel_sigaction action;
  action.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | SA_RESTORER;
  action.restorer = spry_gate; /* never returned to */
  action.mask = 0;
  uint64_t blocked = ~UINT64_C(0);
  /* Bytes, so that they are an immediate and need no relocation. */
  static const unsigned char signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGUSR2, SIGUSR1};
  for (unsigned i = 0; i < sizeof signals; i++) {
    action.handler = signals[i] == SIGUSR1 ? spry_begin : spry_gate;
    check(SPRY_STEP_SIGNALS, call(__NR_rt_sigaction, signals[i], (long)&action, 0, sizeof action.mask, 0, 0));
    blocked &= ~(UINT64_C(1) << (signals[i] - 1));
  }
  check(SPRY_STEP_SIGNALS, call(__NR_rt_sigprocmask, SIG_SETMASK, (long)&blocked, 0, sizeof blocked, 0, 0));
}

static void give_up_rights(void) {
  const struct rlimit64 none = {0, 0};
  check(SPRY_STEP_LIMITS, call(__NR_prlimit64, 0, RLIMIT_CORE, (long)&none, 0, 0, 0));
  check(SPRY_STEP_LIMITS, CALL3(__NR_prctl, PR_SET_DUMPABLE, 0, 0));
  check(SPRY_STEP_LIMITS, call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0));
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define JUMP_IF(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)

/* Every call of every architecture becomes a notification, but for three of the stub's own, which are known by the
 * address behind their `syscall`: those by which it hands the listener over and closes everything, and the one that
 * sets the base of FS. Afterwards the first two reach nothing: no socket is left, and the lifeline is not among what
 * can be closed. */
static long take_calls_away(void) {
  struct sock_filter filter[] = {
      /* 0 */ LOAD(arch),
      /* 1 */ JUMP_IF(AUDIT_ARCH_X86_64, 0, 17),
      /* 2 */ LOAD(nr),
      /* 3 */ JUMP_IF(__NR_arch_prctl, 3, 0),
      /* 4 */ JUMP_IF(__NR_sendmsg, 6, 0),
      /* 5 */ JUMP_IF(__NR_close_range, 7, 0),
      /* 6 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      /* 7 */ LOAD(args[0]),
      /* 8 */ JUMP_IF(ARCH_SET_FS, 0, 10),
      /* 9 */ LOAD(instruction_pointer),
      /* 10 */ JUMP_IF((uint32_t)(uintptr_t)spry_base_set, 6, 8),
      /* 11 */ LOAD(instruction_pointer),
      /* 12 */ JUMP_IF((uint32_t)(uintptr_t)spry_sent, 4, 6),
      /* 13 */ LOAD(args[0]),
      /* 14 */ JUMP_IF(SPRY_FD_LIFELINE + 1, 0, 4),
      /* 15 */ LOAD(instruction_pointer),
      /* 16 */ JUMP_IF((uint32_t)(uintptr_t)spry_closed, 0, 2),
      /* 17 */ LOAD_HIGH(instruction_pointer),
      /* 18 */ JUMP_IF((uint32_t)((uintptr_t)spry_sent >> 32), 1, 0),
      /* 19 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      /* 20 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  return CALL3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* The second half, on the gate stack: the kernel's own is unmapped here. */
__attribute__((noreturn)) static void go(void) {
  struct state *state = STATE;
  const uint64_t end = SPRY_GATE_STACK + SPRY_GATE_STACK_SIZE;
  check(SPRY_STEP_UNMAP, CALL3(__NR_munmap, end, UINT64_C(0x7ffffffff000) - end, 0));
  const long listener = take_calls_away();
  if (listener < 0) fail(SPRY_STEP_FILTER, listener, 0);
  state->descriptors[0] = (int)listener;
  const unsigned count = state->reply.flags & SPRY_REPLY_LOG ? 3 : state->reply.flags & SPRY_REPLY_FAULTS ? 2 : 1;
  state->reply.gate = (uint64_t)(uintptr_t)spry_gate_called;
  reply(&state->reply, state->descriptors, count);
  spry_close(SPRY_FD_LIFELINE + 1, ~0u, 0);
  spry_begin_first();
}

/* Waits for the plan; leaves when the monitor has closed its end. */
static unsigned receive(struct spry_plan *plan, int descriptors[SPRY_PLAN_DESCRIPTORS]) {
  struct {
    struct control_header header;
    int descriptors[SPRY_PLAN_DESCRIPTORS];
  } control;
  struct io_vector vector = {plan, sizeof *plan};
  struct message message;
  message.name = NULL;
  message.name_size = 0;
  message.vectors = &vector;
  message.vector_count = 1;
  message.control = &control;
  message.control_size = sizeof control;
  message.flags = 0;
  const long size = CALL3(__NR_recvmsg, SPRY_FD_CHANNEL, &message, 0);
  if (size == 0) leave();
  check(SPRY_STEP_PLAN, size);
  if (size < (long)offsetof(struct spry_plan, mappings) || plan->count > SPRY_PLAN_MAPPINGS ||
      plan->fault_count > SPRY_PLAN_FAULT_RANGES || message.control_size < sizeof control.header ||
      control.header.type != SCM_RIGHTS) {
    fail(SPRY_STEP_PLAN, -EINVAL, 0);
  }
  const unsigned count = (unsigned)((control.header.size - sizeof control.header) / sizeof(int));
  for (unsigned i = 0; i < count; i++) descriptors[i] = control.descriptors[i];
  return count;
}

static void map(uint64_t address, uint64_t size, int protection, int flags, int descriptor, uint64_t offset,
                enum spry_step step) {
  const long mapped =
      call(__NR_mmap, (long)address, (long)size, protection, flags | MAP_FIXED, descriptor, (long)offset);
  if (mapped < 0 && mapped > -4096) fail(step, mapped, address);
}

__attribute__((noreturn, used)) void spry_main(void) {
  struct spry_plan plan;
  int descriptors[SPRY_PLAN_DESCRIPTORS];
  CALL3(__NR_prctl, PR_SET_NAME, "spry-guest", 0);
  tie_to_monitor();
  const unsigned count = receive(&plan, descriptors);
  /* The kernel's first stack, on which this runs, is above the stub. */
  check(SPRY_STEP_UNMAP, CALL3(__NR_munmap, 0, SPRY_STUB, 0));
  map(SPRY_START, SPRY_START_SIZE, PROT_READ, MAP_SHARED, descriptors[0], 0, SPRY_STEP_CONTROL);
  map(SPRY_GATE_STACK, SPRY_GATE_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[0], SPRY_START_SIZE,
      SPRY_STEP_CONTROL);
  for (uint32_t i = 0; i < plan.count; i++) {
    const struct spry_mapping *mapping = &plan.mappings[i];
    if (mapping->descriptor >= (int)count) fail(SPRY_STEP_PLAN, -EINVAL, mapping->address);
    map(mapping->address, mapping->size, mapping->protection, mapping->flags,
        mapping->descriptor < 0 ? -1 : descriptors[mapping->descriptor], mapping->offset, SPRY_STEP_MAP);
    if (mapping->how & SPRY_MAP_HUGE) CALL3(__NR_madvise, mapping->address, mapping->size, MADV_HUGEPAGE);
  }
  set_signals();
  struct state *state = STATE;
  state->reply.step = SPRY_STEP_DONE;
  state->reply.error = 0;
  if (plan.flags & SPRY_PLAN_LOG_WRITES) {
    const long logged = log_writes(&plan, state->descriptors + 1);
    if (logged == 0) state->reply.flags = SPRY_REPLY_LOG;
    state->reply.log_error = (int32_t)-logged;
  }
  if (plan.flags & SPRY_PLAN_FAULTS) {
    const long faults = tell_faults(&plan);
    check(SPRY_STEP_FAULTS, faults);
    state->descriptors[1] = (int)faults;
    state->reply.flags = SPRY_REPLY_FAULTS;
  }
  give_up_rights();
  spry_continue(go);
}
