/* What an action leaves, and what the next one must not find: known values in registers and memory at `ready`, which
 * each action after it begins with. The spy (tests/guests/spy) looks for more, and more closely; this is small enough
 * to run after each case of a hostile guest. */
#include "hostile_case.h"

#define WORDS 512u /* a page of them */
#define MARK(index) (0x6b6e6f776e000000 + (uint64_t)(index))
#define STACK_BETWEEN 32768u /* below the running function, more than any case uses */
#define FX_BYTES 416u        /* the bytes of fxsave's area that it writes */
#define FX_CONTROL 0u
#define FX_MXCSR 24u
#define IOPL 0x3000u /* differs between hosts */

static uint64_t data[WORDS] = {MARK(0), MARK(1), MARK(2)};
static uint64_t zeros[WORDS];
static unsigned char known[512] __attribute__((aligned(16)));
static unsigned char before[512] __attribute__((aligned(16)));
static unsigned char after[512] __attribute__((aligned(16)));

struct few {
  uint64_t flags;
  uint16_t ds, es, fs, gs;
};

static void keep_few(struct few *few) {
  __asm__ volatile("pushfq\n\tpop %0" : "=r"(few->flags));
  few->flags &= ~(uint64_t)IOPL;
  __asm__ volatile("mov %%ds, %0" : "=r"(few->ds));
  __asm__ volatile("mov %%es, %0" : "=r"(few->es));
  __asm__ volatile("mov %%fs, %0" : "=r"(few->fs));
  __asm__ volatile("mov %%gs, %0" : "=r"(few->gs));
}

static struct few few_before, few_after;

static uint64_t *words_at(uint64_t address) {
  __asm__("" : "+r"(address));
  return (uint64_t *)(uintptr_t)address;
}

static uint64_t *heap_mark(void) { return words_at(spry_boot_page()->heap_start); }
static uint64_t *heap_last(void) { return words_at(spry_boot_page()->heap_end - 8 * WORDS); }

static uint64_t below_this(void) {
  uint64_t stack_pointer;
  __asm__("mov %%rsp, %0" : "=r"(stack_pointer));
  return (stack_pointer - STACK_BETWEEN) & ~(uint64_t)7;
}

/* The control words differ from those at the entry, and each XMM register has a value of its own. */
static void prepare_known(void) {
  const uint16_t control = 0x0a7f;
  const uint32_t mxcsr = 0x5f80;
  memcpy(known + FX_CONTROL, &control, sizeof control);
  memcpy(known + FX_MXCSR, &mxcsr, sizeof mxcsr);
  for (unsigned i = 160; i < FX_BYTES; i++) known[i] = (unsigned char)(i * 7 + 1);
}

void traces_ready(void) {
  static const uint32_t entry_mxcsr = 0x1f80;
  prepare_known();
  for (unsigned i = 0; i < WORDS; i++) heap_mark()[i] = MARK(i);
  /* A guest that has its input from the start must not call `ready`. It makes hypercall 0 instead, which does not
   * exist. */
  uint64_t number = (spry_boot_page()->flags & SPRY_BOOT_READY) != 0 ? 0 : SPRY_CALL_READY;
  keep_few(&few_before);
  /* The hypercall itself uses no stack, so no red zone is in danger. */
  __asm__ volatile(
      "fxrstor64 %[known]\n\t"
      "fxsave64 %[before]\n\t"
      "out %%eax, %[port]\n\t"
      "fxsave64 %[after]\n\t"
      "fninit\n\t"
      "ldmxcsr %[entry]"
      : [before] "=m"(before), [after] "=m"(after), "+a"(number)
      : [known] "m"(known), [entry] "m"(entry_mxcsr), [port] "i"(SPRY_HYPERCALL_PORT)
      : "memory", "rcx", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
  keep_few(&few_after);
}

static void look_for_zeros(uint64_t start, uint64_t bytes) {
  const uint64_t *words = words_at(start);
  uint64_t all = 0;
  for (uint64_t i = 0; i < bytes / 8; i++) all |= words[i];
  CHECK(all == 0);
}

void traces_look(uint64_t heap_bytes) {
  const struct spry_boot *boot = spry_boot_page();
  CHECK(memcmp(before, after, FX_BYTES) == 0);
  CHECK(few_before.ds == few_after.ds && few_before.es == few_after.es);
  CHECK(few_before.fs == few_after.fs && few_before.gs == few_after.gs);
  /* Looks only at the flags that no instruction between the two readings changes: DF, IF, TF, AC, NT, ID. */
  CHECK((few_after.flags & 0x254700) == 0x200 && (few_before.flags & 0x254700) == 0x200);
  CHECK(boot->self == address_of(boot));
  for (unsigned i = 0; i < WORDS; i++) {
    CHECK(words_at(address_of(data))[i] == (i < 3 ? MARK(i) : 0));
    CHECK(heap_mark()[i] == MARK(i));
  }
  look_for_zeros(address_of(zeros), sizeof zeros);
  uint64_t heap = boot->heap_start + sizeof(uint64_t) * WORDS;
  uint64_t rest = boot->heap_end - heap;
  look_for_zeros(heap, heap_bytes < rest ? heap_bytes : rest);
  look_for_zeros(address_of(heap_last()), sizeof(uint64_t) * WORDS);
  look_for_zeros(boot->stack_start, below_this() - boot->stack_start);
}

void traces_leave(void) {
  for (unsigned i = 0; i < WORDS; i++) {
    data[i] = zeros[i] = heap_mark()[i] = heap_last()[i] = 0x6c656674;
    heap_mark()[WORDS + i] = 0x6c656674;
  }
  words_at(spry_boot_page()->stack_start)[0] = 0x6c656674;
  words_at(below_this())[-1] = 0x6c656674;
  __asm__ volatile("" : : "m"(data), "m"(zeros) : "memory");
  __asm__ volatile(
      "pcmpeqd %%xmm6, %%xmm6\n\t"
      "pcmpeqd %%xmm15, %%xmm15\n\t"
      "fldpi"
      :
      :
      : "xmm6", "xmm15");
}
