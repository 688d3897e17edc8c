/* Forged signal frames (frame.h). */
#include "frame.h"

#include <string.h>

#include "hostile_case.h"

#define RT_SIGRETURN 15
#define MAGIC_1 0x46505853u
#define MAGIC_2 0x46505845u
#define FEATURES 7u /* x87, SSE, AVX */
#define LEAST_SIZE 832u

static unsigned char other_stack[16384] __attribute__((aligned(16)));
static unsigned char fpstate[FPSTATE_BYTES] __attribute__((aligned(64)));

void frame_prepare(struct frame *frame, void (*to)(void)) {
  *frame = (struct frame){
      .flags_of_frame = 6, /* Linux restores SS, whatever its value */
      .alternate_flags = ALTERNATE_UNCHANGED,
      .rsp = address_of(other_stack) + sizeof other_stack - 8,
      .rip = address_of(to),
      .flags = 0x202,
      .cs = 0x33,
      .ss = 0x2b,
      .rdi = 1,
      .rsi = 2,
      .rdx = 3,
  };
}

void frame_return(uint64_t frame) {
  __asm__ volatile("mov %0, %%rsp\n\tmov %1, %%eax\n\tsyscall\n\tud2" : : "r"(frame), "i"(RT_SIGRETURN) : "memory");
  __builtin_unreachable();
}

static void put(size_t offset, uint32_t value) { memcpy(fpstate + offset, &value, sizeof value); }

/* The size of vector state, as this CPU tells it, if it does. */
static uint32_t state_size(void) {
  uint32_t eax = 13, ebx, ecx = 0, edx;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return ebx >= LEAST_SIZE && ebx <= FPSTATE_BYTES - 64 ? ebx : LEAST_SIZE;
}

unsigned char *fpstate_prepare(void) {
  uint32_t size = state_size();
  __asm__ volatile("fxsave64 %0" : "+m"(fpstate));
  memset(fpstate + 464, 0, FPSTATE_BYTES - 464);
  put(FPSTATE_MAGIC, MAGIC_1);
  put(FPSTATE_EXTENDED_SIZE, size + 4);
  put(FPSTATE_FEATURES, FEATURES);
  put(FPSTATE_SIZE, size);
  put(FPSTATE_HEADER, 3);
  put(size, MAGIC_2);
  return fpstate;
}
