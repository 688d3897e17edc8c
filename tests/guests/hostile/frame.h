/* Forged signal frames: Linux's rt_sigreturn would take their contents for the registers of an interrupted program. For
 * a guest rt_sigreturn is a fault, like any other system call; the cases show that it is. */
#ifndef SPRY_TESTS_HOSTILE_FRAME_H
#define SPRY_TESTS_HOSTILE_FRAME_H

#include <stdint.h>

#define SIGNALS_ALL UINT64_MAX
#define SIGNAL_BIT(number) ((uint64_t)1 << ((number)-1))
#define SIGNAL_USR1 10
#define SIGNAL_SEGV 11
#define SIGNAL_USR2 12

#define ALTERNATE_DISABLED 2u
#define ALTERNATE_ONCE 0x80000000u
#define ALTERNATE_UNCHANGED 7u /* no such mode: Linux refuses it, and goes on */

/* Linux's struct rt_sigframe for x86-64, from its struct ucontext on. */
struct frame {
  uint64_t flags_of_frame, link;
  uint64_t alternate_start;
  uint32_t alternate_flags, padding;
  uint64_t alternate_size;
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags;
  uint16_t cs, gs, fs, ss;
  uint64_t error, vector, old_mask, cr2, fpstate, reserved[8];
  uint64_t mask;
  uint8_t signal_information[128];
};
_Static_assert(sizeof(struct frame) == 432, "Linux's layout");

/* A frame that leads to `to`, on a stack of its own, with nothing wrong in it. */
void frame_prepare(struct frame *frame, void (*to)(void));

/* Calls rt_sigreturn with this frame; the address may be any. */
__attribute__((noreturn)) void frame_return(uint64_t frame);

/* A good image of vector state for `fpstate`. It is in memory of our own, and each case may change it. */
#define FPSTATE_BYTES 16384u
unsigned char *fpstate_prepare(void);
#define FPSTATE_MXCSR 24u
#define FPSTATE_MAGIC 464u
#define FPSTATE_EXTENDED_SIZE 468u
#define FPSTATE_FEATURES 472u
#define FPSTATE_SIZE 480u
#define FPSTATE_HEADER 512u /* features, form, and reserved bytes */

#endif
