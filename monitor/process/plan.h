/* What the monitor and the stub say to each other. The stub is the small program that a guest's process begins with.
 * Plain C.
 *
 * The stub's address space, all above what an image may have:
 *
 *   SPRY_STUB        the stub itself, read and execute
 *   SPRY_START       what an action begins with; read-only for the guest
 *                    nothing
 *   SPRY_GATE_STACK  where the kernel puts signal frames; the guest can write there what it likes
 *                    nothing
 *   SPRY_PLAN        what is mapped where; read-only for the guest
 *                    nothing
 *
 * The last three are one memfd, the control area, in this order.
 *
 * The stub first does all that needs no plan, the filter included, and says so by its reply; a shell waits there. Then
 * it receives the descriptors that the plan names, maps what the plan says, closes everything and begins. */
#ifndef SPRY_PROCESS_PLAN_H
#define SPRY_PROCESS_PLAN_H

#include <linux/filter.h>
#include <stdint.h>

#define SPRY_STUB 0x700000000000
/* Code that sets the base of FS (docs/abi.md, "The base of FS") lies so many bytes before the stub's entry. */
#define SPRY_SET_FS_BASE 64
#define SPRY_START 0x700000100000
#define SPRY_START_SIZE 0x2000
#define SPRY_GATE_STACK 0x700000110000
/* Room for four signal frames with AVX-512; `begin` clears all of it each time. There are no frames with AMX, because a
 * process would have to ask for AMX first. */
#define SPRY_GATE_STACK_SIZE 0x4000
/* The gate stack's lowest word while an action has yet to begin: the process's first one, which the stub begins itself,
 * or a later one, which SIGUSR1 begins. `begin` clears the word. */
#define SPRY_BEGINS_FIRST 1
#define SPRY_BEGINS_BY_SIGNAL 2
#define SPRY_PLAN 0x700000120000
#define SPRY_PLAN_SIZE 0x6000
#define SPRY_CONTROL_SIZE (SPRY_START_SIZE + SPRY_GATE_STACK_SIZE + SPRY_PLAN_SIZE)
/* Guests' memory ends here at most. The stub unmaps what the kernel has mapped elsewhere. */
#define SPRY_GUEST_END 0x600000000000

/* Registers as the stub loads them: general[] by pop, from the order of a signal frame, and the rest by iretq. */
struct spry_registers {
  uint64_t general[15]; /* r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx */
  uint64_t rip;
  uint64_t cs;
  uint64_t rflags;
  uint64_t rsp;
  uint64_t ss;
};

/* What an action begins with, and what the gate goes on with (`resume`). Of these there are several, used in turn,
 * because the gate may be interrupted while it loads one. */
#define SPRY_RESUMES 16
struct spry_start {
  uint64_t fs_base;
  uint64_t gs_base;
  uint16_t ds;
  uint16_t es;
  uint16_t fs;
  uint16_t gs;
  uint64_t fsgsbase; /* 1: WRFSBASE and WRGSBASE set the bases; 0: arch_prctl(2) sets FS's, and GS's is 0 */
  uint64_t flags;    /* for popf: 0 */
  struct spry_registers begin;
  uint64_t system_call_entry; /* where the guest serves system calls, and its stack there; or 0 */
  uint64_t system_call_stack;
  unsigned char reserved[40];
  unsigned char vectors[4096]; /* an XSAVE area in the standard format, 64-byte aligned */
  struct spry_registers resume[SPRY_RESUMES];
};

/* Descriptors that the stub begins with. */
#define SPRY_FD_LIFELINE 0 /* the read end of a pipe whose write end only the monitor has */
#define SPRY_FD_CHANNEL 1  /* a SOCK_SEQPACKET socket */
#define SPRY_FD_PROGRAM 2  /* the stub's own file, closed by exec */
#define SPRY_FD_CONTROL 3  /* the control area */

/* The plan is complete when a message of one byte comes with its descriptors. */
#define SPRY_PLAN_MAPPINGS 512
#define SPRY_PLAN_DESCRIPTORS 4
#define SPRY_PLAN_LOG_WRITES (1u << 0) /* tell written pages: userfaultfd(2) over the mappings that say so */
#define SPRY_PLAN_FAULTS (1u << 1)     /* tell touched pages: userfaultfd(2) over `faults` */
#define SPRY_PLAN_FAULT_RANGES 64

#define SPRY_PLAN_FILTER 20

#define SPRY_MAP_LOGGED (1u << 0)

struct spry_mapping {
  uint64_t address;
  uint64_t size;
  uint64_t offset;
  int32_t protection; /* PROT_* */
  int32_t flags;      /* MAP_*, but for MAP_ANONYMOUS; MAP_FIXED is implied */
  int32_t descriptor; /* index of the message's descriptors */
  uint32_t how;       /* SPRY_MAP_* */
};
struct spry_range {
  uint64_t address;
  uint64_t size;
};
struct spry_plan {
  uint32_t flags; /* SPRY_PLAN_* */
  uint32_t count;
  uint64_t fault_count;
  struct spry_range faults[SPRY_PLAN_FAULT_RANGES];
  struct spry_mapping mappings[SPRY_PLAN_MAPPINGS]; /* `count` of them */
  struct sock_fprog system_calls; /* what seccomp(2) takes, of `filter`; its len is 0 if there is none */
  struct sock_filter filter[SPRY_PLAN_FILTER];
};

/* The reply: one message. SPRY_STEP_DONE comes before the plan, with descriptors: the listener; a userfaultfd, if
 * SPRY_REPLY_FAULTS is set; the process's pagemap, if SPRY_REPLY_PAGEMAP is set too. Any other step is the one that
 * failed, before the plan or after it. */
enum spry_step {
  SPRY_STEP_DONE,
  SPRY_STEP_LIFELINE,
  SPRY_STEP_PLAN,
  SPRY_STEP_UNMAP,
  SPRY_STEP_CONTROL,
  SPRY_STEP_MAP,
  SPRY_STEP_SIGNALS,
  SPRY_STEP_FAULTS,
  SPRY_STEP_LIMITS,
  SPRY_STEP_FILTER
};
#define SPRY_REPLY_FAULTS (1u << 0)  /* the userfaultfd */
#define SPRY_REPLY_PAGEMAP (1u << 1) /* the pagemap */
struct spry_reply {
  uint32_t step;
  int32_t error;  /* errno of the step */
  uint64_t where; /* the mapping's address, of SPRY_STEP_MAP and SPRY_STEP_FAULTS */
  uint32_t flags;
  int32_t missing; /* errno of the first of the two that could not be opened */
  uint64_t gate;   /* the instruction pointer that the gate's notifications have */
};

#endif
