/* The program that a guest's process begins with. It gives itself a gate (a signal handler), takes every system call
 * away from itself (seccomp(2)), maps the guest's memory as the monitor's plan says, and begins the guest.
 * Freestanding: no C library, no data that can be written, no stack but the kernel's first one and then the gate's.
 *
 * Once the guest runs, only the stub's code is left beside it. A guest that jumps into that code gains nothing. It
 * cannot change its signal mask or its alternate stack, because the filter allows no call for that, nor its mappings,
 * because the calls for that need a descriptor that is closed. */
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

/* All symbols are in this file, and are found relative to RIP. */
#pragma GCC visibility push(hidden)

/* Code addresses. The filter knows the stub's own calls by the address behind their `syscall`. */
extern const char spry_gate[], spry_gate_called[], spry_base_set[], spry_called[];

#define POP_GENERAL                                                                                            \
  "  pop %r8\n  pop %r9\n  pop %r10\n  pop %r11\n  pop %r12\n  pop %r13\n  pop %r14\n  pop %r15\n  pop %rdi\n" \
  "  pop %rsi\n  pop %rbp\n  pop %rbx\n  pop %rdx\n  pop %rax\n  pop %rcx\n"
/* Clears the flags, because iretq faults where NT is set, and loads the vectors of the frame whose ucontext is in RDX
 * (uc_mcontext.fpregs). RAX, RDX and RDI are lost. */
#define LOAD_FRAME_VECTORS \
  "  push $2\n  popf\n  mov 0xe0(%rdx), %rdi\n  mov $-1, %eax\n  mov $-1, %edx\n  xrstor64 (%rdi)\n"
#define TEXT(value) #value
#define VALUE(value) TEXT(value)
/* An operand: so many bytes into struct spry_start, addressed from where the stub itself begins. */
#define AT_START(offset) "__executable_start + " VALUE(SPRY_START) " - " VALUE(SPRY_STUB) " + " #offset "(%rip)"

__asm__(
    /* Signal handler for exceptions, and for the monitor's wish to see all registers: RDI = signal number, RSI =
     * siginfo, RDX = ucontext. The monitor reads these and the frame, and besides what no frame has: R10 and R8 are the
     * bases of FS and GS, R9 the selectors DS, ES, FS and GS. If the monitor lets the guest go on, it answers with the
     * address of a spry_registers. sigreturn is not used, so the filter need not allow it, and no guest can change its
     * signal mask or its alternate stack by it. The call has getpid's number, because every other filter around this
     * process allows getpid. */
    ".globl spry_gate, spry_gate_called\n"
    "spry_gate:\n"
    "  cmp $31, %edi\n" /* SIGSYS */
    "  je spry_trapped\n"
    "spry_tell:\n"
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
    "  js spry_leave\n" /* ENOSYS: there is no monitor any more that answers */
    LOAD_FRAME_VECTORS
    /* From here on another frame may take this one's place. */
    "  mov %rbx, %rsp\n"
    POP_GENERAL
    "  iretq\n"
    /* A system call that the guest serves: goes on at the guest's entry for them with the frame's registers, but RCX is
     * the frame's RIP, R11 is its RSP, and RSP is the guest's stack for system calls. */
    "spry_trapped:\n"
    "  cmpl $1, 8(%rsi)\n" /* si_code: SYS_SECCOMP */
    "  jne spry_tell\n"
    "  cmpq $0, " AT_START(200) "\n"
    "  je spry_tell\n"
    "  mov %rdx, %rbx\n"
    LOAD_FRAME_VECTORS
    "  lea 40(%rbx), %rsp\n" /* uc_mcontext.gregs */
    POP_GENERAL
    "  mov (%rsp), %r11\n"
    "  mov 8(%rsp), %rcx\n"
    "  mov " AT_START(208) ", %rsp\n"
    "  jmp *" AT_START(200) "\n"
    /* Signal handler for the next action. A signal that the monitor did not send goes to the gate, and the guest goes
     * on. */
    ".globl spry_begin_by_signal, spry_begin\n"
    "spry_begin_by_signal:\n"
    "  movabs $" VALUE(SPRY_GATE_STACK) ", %rcx\n"
    "  cmpq $" VALUE(SPRY_BEGINS_BY_SIGNAL) ", (%rcx)\n"
    "  jne spry_gate\n"
    /* spry_begin clears the gate stack, where the kernel has just put the registers of the last action, and uses no
     * memory that the guest could have spoiled. */
    "spry_begin:\n"
    "  movabs $" VALUE(SPRY_START) " + 32, %rsp\n"
    "  popf\n"
    "  movabs $" VALUE(SPRY_GATE_STACK) ", %rdi\n"
    "  mov $" VALUE(SPRY_GATE_STACK_SIZE) " / 8, %ecx\n"
    "  xor %eax, %eax\n"
    "  rep stosq\n"
    /* Selectors come before bases, because loading a selector may change its base. fninit comes before XRSTOR, because
     * not every CPU's XRSTOR loads what the CPU remembers of x87's last instruction. */
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
    "  lea 3f(%rip), %r8\n"
    "  jmp spry_set_fs_by_call\n"
    "3:\n"
    "  fninit\n"
    "  mov $-1, %eax\n"
    "  mov $-1, %edx\n"
    "  xrstor64 256(%rbx)\n"
    "  lea 32(%rbx), %rsp\n"
    "  popf\n" /* leaves RSP at spry_start.begin */
    POP_GENERAL
    "  iretq\n"
    /* spry_call(number, six arguments): every other call of the stub. */
    ".globl spry_call, spry_called\n"
    "spry_call:\n"
    "  mov %rdi, %rax\n"
    "  mov %rsi, %rdi\n"
    "  mov %rdx, %rsi\n"
    "  mov %rcx, %rdx\n"
    "  mov %r8, %r10\n"
    "  mov %r9, %r8\n"
    "  mov 8(%rsp), %r9\n"
    "  syscall\n"
    "spry_called:\n"
    "  ret\n"
    /* Ends this process, which exit_group(2) cannot once the filter is there. It causes a fault for whose frame there
     * is no room: RSP is near the gate stack's lowest address, and the kernel leaves out a red zone of 128 bytes. */
    ".globl spry_leave\n"
    "spry_leave:\n"
    "  movabs $" VALUE(SPRY_GATE_STACK) " + 256, %rsp\n"
    "  hlt\n"
    /* spry_continue(function): calls the function on the gate stack. */
    ".globl spry_continue\n"
    "spry_continue:\n"
    "  movabs $" VALUE(SPRY_GATE_STACK) " + " VALUE(SPRY_GATE_STACK_SIZE) ", %rsp\n"
    "  xor %ebp, %ebp\n"
    "  call *%rdi\n"
    "  ud2\n"
    /* Sets the base of FS to RSI, for begin and for the guest, and goes on at R8; loses RAX, RCX, RDI and R11. */
    "spry_set_fs_base:\n"
    "  movabs $" VALUE(SPRY_START) ", %rcx\n"
    "  cmpl $0, 24(%rcx)\n"
    "  je spry_set_fs_by_call\n"
    "  wrfsbase %rsi\n"
    "  jmp *%r8\n"
    "spry_set_fs_by_call:\n"
    "  mov $0x1002, %edi\n" /* ARCH_SET_FS */
    "  mov $158, %eax\n"
    "  syscall\n"
    ".globl spry_base_set\n"
    "spry_base_set:\n"
    "  jmp *%r8\n"
    ".org spry_set_fs_base + " VALUE(SPRY_SET_FS_BASE) ", 0xcc\n"
    ".globl _start\n"
    "_start:\n"
    "  and $-64, %rsp\n"
    "  call spry_main\n"
    "  ud2\n");
_Static_assert(offsetof(struct spry_start, ds) == 16 && offsetof(struct spry_start, gs) == 22 &&
                   offsetof(struct spry_start, fsgsbase) == 24 && offsetof(struct spry_start, flags) == 32 &&
                   offsetof(struct spry_start, begin) == 40 && offsetof(struct spry_start, system_call_entry) == 200 &&
                   offsetof(struct spry_start, system_call_stack) == 208 &&
                   offsetof(struct spry_start, vectors) == 256 && sizeof(struct spry_start) <= SPRY_START_SIZE,
               "the offsets above");
_Static_assert(__NR_getpid == 39 && __NR_arch_prctl == 158 && ARCH_SET_FS == 0x1002, "the numbers above");

long spry_call(long number, long a, long b, long c, long d, long e, long f);
__attribute__((noreturn)) void spry_leave(void);
__attribute__((noreturn)) void spry_continue(void (*function)(void));
__attribute__((noreturn)) void spry_begin_by_signal(void);
__attribute__((noreturn)) void spry_begin(void); /* where the first action begins */
__attribute__((noreturn)) void spry_main(void);

#pragma GCC visibility pop

#define CALL3(number, a, b, c) spry_call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* What the second half (`go`) needs of the first (`spry_main`). It lies at the bottom of the gate stack's highest page,
 * below all that `go` pushes. */
struct state {
  struct spry_reply reply;
  int log;
  int pagemap;
};
#define STATE ((struct state *)(SPRY_GATE_STACK + SPRY_GATE_STACK_SIZE - 4096))

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
  return CALL3(__NR_sendmsg, SPRY_FD_CHANNEL, &message, MSG_NOSIGNAL);
}

/* Tells the monitor which step failed, and why: `result` is a negated errno. */
__attribute__((noreturn, noinline)) static void fail(uint32_t step, long result, uint64_t where) {
  struct spry_reply words;
  words.step = step;
  words.error = (int32_t)-result;
  words.where = where;
  words.flags = 0;
  words.missing = 0;
  words.gate = 0;
  reply(&words, NULL, 0);
  spry_leave();
}

static void check(uint32_t step, long result) {
  if (result < 0) fail(step, result, 0);
}

/* Has the kernel kill this process when the pipe's only writer, the monitor, is gone (fcntl(2), F_SETSIG). poll(2)
 * tells whether the monitor has gone before that was asked for. */
static void tie_to_monitor(void) {
  check(SPRY_STEP_LIFELINE, CALL3(__NR_fcntl, SPRY_FD_LIFELINE, F_SETSIG, SIGKILL));
  check(SPRY_STEP_LIFELINE, CALL3(__NR_fcntl, SPRY_FD_LIFELINE, F_SETOWN, CALL3(__NR_getpid, 0, 0, 0)));
  check(SPRY_STEP_LIFELINE, CALL3(__NR_fcntl, SPRY_FD_LIFELINE, F_SETFL, FASYNC));
  struct pollfd lifeline = {SPRY_FD_LIFELINE, POLLIN, 0};
  check(SPRY_STEP_LIFELINE, CALL3(__NR_poll, &lifeline, 1, 0));
  if ((lifeline.revents & POLLHUP) != 0) spry_leave();
}

/* Opens what tells the monitor of written or touched pages, in case the plan asks for it. Nothing can be opened once
 * the filter is there. */
static void open_logs(struct state *state) {
  state->reply.flags = 0;
  state->reply.missing = 0;
  const long log = CALL3(__NR_userfaultfd, UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK, 0, 0);
  if (log < 0) {
    state->reply.missing = (int32_t)-log;
    return;
  }
  state->log = (int)log;
  state->reply.flags = SPRY_REPLY_FAULTS;
  const long pagemap = spry_call(__NR_openat, AT_FDCWD, (long)"/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0, 0, 0);
  if (pagemap < 0) {
    state->reply.missing = (int32_t)-pagemap;
    return;
  }
  state->pagemap = (int)pagemap;
  state->reply.flags |= SPRY_REPLY_PAGEMAP;
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
    action.handler = signals[i] == SIGUSR1 ? (const void *)spry_begin_by_signal : spry_gate;
    check(SPRY_STEP_SIGNALS, spry_call(__NR_rt_sigaction, signals[i], (long)&action, 0, sizeof action.mask, 0, 0));
    blocked &= ~(UINT64_C(1) << (signals[i] - 1));
  }
  /* SIGXCPU comes at the soft limit of processor time. It ends this process, unless the launcher ignores it. */
  blocked &= ~(UINT64_C(1) << (SIGXCPU - 1));
  check(SPRY_STEP_SIGNALS, spry_call(__NR_rt_sigprocmask, SIG_SETMASK, (long)&blocked, 0, sizeof blocked, 0, 0));
}

static void give_up_rights(void) {
  check(SPRY_STEP_LIMITS, CALL3(__NR_prctl, PR_SET_DUMPABLE, 0, 0));
  check(SPRY_STEP_LIMITS, CALL3(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0));
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define JUMP_IF(test, at, value, then, otherwise) \
  BPF_JUMP(BPF_JMP | (test) | BPF_K, value, (then) - (at)-1, (otherwise) - (at)-1)

/* Every call of every architecture becomes a notification, but for some of the stub's own, which are known by the
 * address behind their `syscall`. The call that sets the base of FS is for the guest, and for every beginning of an
 * action. The others are for the way to the first beginning. Afterwards they reach nothing: they need a descriptor
 * other than the lifeline, and close_range has closed all those. Memory without a file cannot be mapped. The only
 * filter that can be added is the plan's, which the guest cannot write to, and which refuses any further one. */
static long take_calls_away(void) {
  enum { SET_FS = 10, MAP = 14, REGISTER = 18, CLOSE = 20, FILTER = 22, OWN = 28, HIGH = 30, NOTIFY = 32, ALLOW = 33 };
  const uint64_t planned = SPRY_PLAN + offsetof(struct spry_plan, system_calls);
  struct sock_filter filter[] = {
      /* 0 */ LOAD(arch),
      /* 1 */ JUMP_IF(BPF_JEQ, 1, AUDIT_ARCH_X86_64, 2, NOTIFY),
      /* 2 */ LOAD(nr),
      /* 3 */ JUMP_IF(BPF_JEQ, 3, __NR_arch_prctl, SET_FS, 4),
      /* 4 */ JUMP_IF(BPF_JEQ, 4, __NR_sendmsg, OWN, 5),
      /* 5 */ JUMP_IF(BPF_JEQ, 5, __NR_recvmsg, OWN, 6),
      /* 6 */ JUMP_IF(BPF_JEQ, 6, __NR_mmap, MAP, 7),
      /* 7 */ JUMP_IF(BPF_JEQ, 7, __NR_ioctl, REGISTER, 8),
      /* 8 */ JUMP_IF(BPF_JEQ, 8, __NR_seccomp, FILTER, 9),
      /* 9 */ JUMP_IF(BPF_JEQ, 9, __NR_close_range, CLOSE, NOTIFY),
      /* SET_FS */ LOAD(args[0]),
      /* 11 */ JUMP_IF(BPF_JEQ, 11, ARCH_SET_FS, 12, NOTIFY),
      /* 12 */ LOAD(instruction_pointer),
      /* 13 */ JUMP_IF(BPF_JEQ, 13, (uint32_t)(uintptr_t)spry_base_set, HIGH, NOTIFY),
      /* MAP */ LOAD(args[3]),
      /* 15 */ JUMP_IF(BPF_JSET, 15, MAP_ANONYMOUS, NOTIFY, 16),
      /* 16 */ LOAD(args[4]),
      /* 17 */ JUMP_IF(BPF_JEQ, 17, SPRY_FD_LIFELINE, NOTIFY, OWN),
      /* REGISTER */ LOAD(args[1]),
      /* 19 */ JUMP_IF(BPF_JEQ, 19, (uint32_t)UFFDIO_REGISTER, OWN, NOTIFY),
      /* CLOSE */ LOAD(args[0]),
      /* 21 */ JUMP_IF(BPF_JEQ, 21, SPRY_FD_LIFELINE + 1, OWN, NOTIFY),
      /* FILTER */ LOAD(args[1]),
      /* 23 */ JUMP_IF(BPF_JEQ, 23, 0, 24, NOTIFY),
      /* 24 */ LOAD(args[2]),
      /* 25 */ JUMP_IF(BPF_JEQ, 25, (uint32_t)planned, 26, NOTIFY),
      /* 26 */ LOAD_HIGH(args[2]),
      /* 27 */ JUMP_IF(BPF_JEQ, 27, (uint32_t)(planned >> 32), OWN, NOTIFY),
      /* OWN */ LOAD(instruction_pointer),
      /* 29 */ JUMP_IF(BPF_JEQ, 29, (uint32_t)(uintptr_t)spry_called, HIGH, NOTIFY),
      /* HIGH */ LOAD_HIGH(instruction_pointer),
      /* 31 */ JUMP_IF(BPF_JEQ, 31, (uint32_t)((uintptr_t)spry_called >> 32), ALLOW, NOTIFY),
      /* NOTIFY */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      /* ALLOW */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  _Static_assert(sizeof filter / sizeof *filter == ALLOW + 1, "the numbers above");
  const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  return CALL3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Waits for the plan's descriptors; leaves when the monitor has closed its end. */
static unsigned receive(int descriptors[SPRY_PLAN_DESCRIPTORS]) {
  struct {
    struct control_header header;
    int descriptors[SPRY_PLAN_DESCRIPTORS];
  } control;
  unsigned char byte;
  struct io_vector vector = {&byte, sizeof byte};
  struct message message;
  message.name = NULL;
  message.name_size = 0;
  message.vectors = &vector;
  message.vector_count = 1;
  message.control = &control;
  message.control_size = sizeof control;
  message.flags = 0;
  const long size = CALL3(__NR_recvmsg, SPRY_FD_CHANNEL, &message, 0);
  if (size == 0) spry_leave();
  check(SPRY_STEP_PLAN, size);
  if (message.control_size < sizeof control.header || control.header.type != SCM_RIGHTS) {
    fail(SPRY_STEP_PLAN, -EINVAL, 0);
  }
  const unsigned count = (unsigned)((control.header.size - sizeof control.header) / sizeof(int));
  for (unsigned i = 0; i < count; i++) descriptors[i] = control.descriptors[i];
  return count;
}

static void map(uint64_t address, uint64_t size, int protection, int flags, int descriptor, uint64_t offset,
                enum spry_step step) {
  const long mapped =
      spry_call(__NR_mmap, (long)address, (long)size, protection, flags | MAP_FIXED, descriptor, (long)offset);
  if (mapped < 0 && mapped > -4096) fail(step, mapped, address);
}

static void tell(int log, uint64_t address, uint64_t size, uint64_t mode) {
  struct uffdio_register range;
  range.range.start = address;
  range.range.len = size;
  range.mode = mode;
  range.ioctls = 0;
  const long result = CALL3(__NR_ioctl, log, UFFDIO_REGISTER, &range);
  if (result < 0) fail(SPRY_STEP_FAULTS, result, address);
}

/* Maps the guest's memory, and has the kernel tell the monitor of writes or first touches where the plan says so. Then
 * adds the filter for the system calls that the guest serves, if there are any. */
static void carry_out(const struct spry_plan *plan, int log) {
  int descriptors[SPRY_PLAN_DESCRIPTORS];
  const unsigned count = receive(descriptors);
  if (plan->count > SPRY_PLAN_MAPPINGS || plan->fault_count > SPRY_PLAN_FAULT_RANGES) fail(SPRY_STEP_PLAN, -EINVAL, 0);
  for (uint32_t i = 0; i < plan->count; i++) {
    const struct spry_mapping *mapping = &plan->mappings[i];
    if ((uint32_t)mapping->descriptor >= count) fail(SPRY_STEP_PLAN, -EINVAL, mapping->address);
    map(mapping->address, mapping->size, mapping->protection, mapping->flags, descriptors[mapping->descriptor],
        mapping->offset, SPRY_STEP_MAP);
    if ((plan->flags & SPRY_PLAN_LOG_WRITES) != 0 && (mapping->how & SPRY_MAP_LOGGED) != 0) {
      tell(log, mapping->address, mapping->size, UFFDIO_REGISTER_MODE_WP);
    }
  }
  for (uint64_t i = 0; i < plan->fault_count; i++) {
    tell(log, plan->faults[i].address, plan->faults[i].size, UFFDIO_REGISTER_MODE_MISSING);
  }
  if (plan->system_calls.len == 0) return;
  check(SPRY_STEP_FILTER, CALL3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &plan->system_calls));
}

/* The second half. It runs on the gate stack, because it unmaps the stack that the kernel made. */
__attribute__((noreturn)) static void go(void) {
  struct state *state = STATE;
  const uint64_t end = SPRY_PLAN + SPRY_PLAN_SIZE;
  check(SPRY_STEP_UNMAP, CALL3(__NR_munmap, end, UINT64_C(0x7ffffffff000) - end, 0));
  const long listener = take_calls_away();
  if (listener < 0) fail(SPRY_STEP_FILTER, listener, 0);
  const int descriptors[] = {(int)listener, state->log, state->pagemap};
  const uint32_t flags = state->reply.flags;
  state->reply.step = SPRY_STEP_DONE;
  state->reply.error = 0;
  state->reply.gate = (uint64_t)(uintptr_t)spry_gate_called;
  reply(&state->reply, descriptors, (flags & SPRY_REPLY_PAGEMAP) != 0 ? 3 : (flags & SPRY_REPLY_FAULTS) != 0 ? 2 : 1);
  carry_out((const struct spry_plan *)SPRY_PLAN, state->log);
  CALL3(__NR_close_range, SPRY_FD_LIFELINE + 1, ~0u, 0);
  spry_begin();
}

__attribute__((noreturn, used)) void spry_main(void) {
  const struct rlimit64 none = {0, 0};
  check(SPRY_STEP_LIMITS, spry_call(__NR_prlimit64, 0, RLIMIT_CORE, (long)&none, 0, 0, 0));
  CALL3(__NR_prctl, PR_SET_NAME, "spry-guest", 0);
  tie_to_monitor();
  /* The kernel's first stack, on which this runs, is above the stub. */
  check(SPRY_STEP_UNMAP, CALL3(__NR_munmap, 0, SPRY_STUB, 0));
  map(SPRY_START, SPRY_START_SIZE, PROT_READ, MAP_SHARED | MAP_POPULATE, SPRY_FD_CONTROL, 0, SPRY_STEP_CONTROL);
  map(SPRY_GATE_STACK, SPRY_GATE_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, SPRY_FD_CONTROL,
      SPRY_START_SIZE, SPRY_STEP_CONTROL);
  map(SPRY_PLAN, SPRY_PLAN_SIZE, PROT_READ, MAP_SHARED, SPRY_FD_CONTROL, SPRY_START_SIZE + SPRY_GATE_STACK_SIZE,
      SPRY_STEP_CONTROL);
  set_signals();
  open_logs(STATE);
  give_up_rights();
  spry_continue(go);
}
