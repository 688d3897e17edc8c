/* A guest that serves `syscall`: the program is in a segment of its own (program.ld), the entry in entry.S. */
#include "guest_case.h"

#define PROGRAM __attribute__((section(".program"), noinline))

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, REGISTERS };
struct registers {
  uint64_t general[REGISTERS];
  uint64_t rflags;
  uint16_t cs, ss;
};

extern const char the_call[], behind_the_call[];
void entry(void);
void call_with(struct registers *registers);

/* What the entry found at the last call. */
struct registers found;
static volatile uint64_t calls; /* changed by `serve`, whose calls the compiler does not see */

/* The stack of the entry: RSP is its upper end there. */
struct {
  unsigned char bytes[16384];
} __attribute__((aligned(16))) call_stack;
extern unsigned char call_stack_end[];
__asm__(".globl call_stack_end\n\t.set call_stack_end, call_stack + 16384");
SPRY_SYSTEM_CALLS(entry, call_stack_end);

enum { GIVE_SUM = 1000, PRINT, EXIT, FAULT, SPIN };

uint64_t serve(void);
uint64_t serve(void) {
  calls = calls + 1;
  switch (found.general[RAX]) {
    case GIVE_SUM:
      return found.general[RDI] + found.general[RSI] + found.general[RDX] + found.general[R10] + found.general[R8] +
             found.general[R9];
    case PRINT:
      say("served\n");
      spry_flush();
      return 0;
    case EXIT:
      spry_exit((int)found.general[RDI]);
    case FAULT:
      write_at(8);
      break;
    case SPIN:
      for (;;) __asm__ volatile("");
    default:
      break;
  }
  return (uint64_t)-SPRY_ENOSYS;
}

PROGRAM static uint64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c) {
  uint64_t result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory", "cc");
  return result;
}

#define RFLAGS_FIXED 0x2
#define RFLAGS_DF 0x400
#define RFLAGS_IF 0x200
#define RFLAGS_NT 0x4000
#define RFLAGS_AC 0x40000
#define RFLAGS_ID 0x200000
#define RFLAGS_ARITHMETIC 0x8d5

/* Values that no two registers share. */
static struct registers pattern(uint64_t number) {
  struct registers values;
  for (unsigned i = 0; i < REGISTERS; i++)
    values.general[i] = UINT64_C(0x1111111111111111) * (i + 1) ^ 0x0123456789abcdef;
  values.general[RAX] = number;
  values.general[RSP] = spry_boot_page()->stack_start + 64;
  values.rflags = RFLAGS_FIXED | RFLAGS_IF;
  return values;
}

/* Each register comes to the entry, and back from it. */
static void check_call(struct registers given) {
  struct registers after = given;
  call_with(&after);
  for (unsigned i = 0; i < REGISTERS; i++) {
    if (i == RCX || i == R11) continue;
    if (i != RSP) CHECK(found.general[i] == given.general[i]);
    if (i != RAX) CHECK(after.general[i] == given.general[i]);
  }
  CHECK(found.general[RCX] == address_of(behind_the_call));
  CHECK(found.general[R11] == given.general[RSP]);
  CHECK(found.general[RSP] == address_of(call_stack_end));
  CHECK((found.rflags & (RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ARITHMETIC | 0x100)) == 0);
  CHECK((found.rflags & (RFLAGS_FIXED | RFLAGS_IF)) == (RFLAGS_FIXED | RFLAGS_IF));
  CHECK(found.cs == 0x33 && found.ss == 0x2b);
}

static void registers(void) {
  struct registers given = pattern(GIVE_SUM);
  const uint64_t sum = given.general[RDI] + given.general[RSI] + given.general[RDX] + given.general[R10] +
                       given.general[R8] + given.general[R9];
  check_call(given);
  struct registers after = given;
  call_with(&after);
  CHECK(after.general[RAX] == sum);
  /* Every number comes to the entry, with all bits of RAX. */
  static const uint64_t numbers[] = {0, 1, 15, 39, 60, 158, 231, 257, 317, 435, 0x40000027, 0x7fffffff, 0xffffffff};
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    given.general[RAX] = numbers[i];
    check_call(given);
  }
}

static void stacks(void) {
  struct registers given = pattern(GIVE_SUM);
  const uint64_t places[] = {0,
                             8,
                             4096,
                             spry_boot_page()->stack_start - 8,
                             spry_boot_page()->stack_end,
                             spry_boot_page()->self,
                             address_of(call_stack_end),
                             0x7ffffffffff8,
                             UINT64_MAX - 7};
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    given.general[RSP] = places[i];
    check_call(given);
  }
}

static void flags(void) {
  static const uint64_t set[] = {RFLAGS_ARITHMETIC, RFLAGS_DF, RFLAGS_NT, RFLAGS_ID};
  struct registers given = pattern(GIVE_SUM);
  for (unsigned i = 0; i < sizeof set / sizeof *set; i++) {
    given.rflags = RFLAGS_FIXED | RFLAGS_IF | set[i];
    check_call(given);
  }
}

/* A single step ends with the call: at the entry there is no such trap. */
static void single_step(void) {
  for (unsigned i = 0; i < 3; i++) {
    uint64_t result;
    __asm__ volatile("call stepped_call" : "=a"(result) : "a"(999) : "rcx", "r11", "memory", "cc");
    CHECK(result == (uint64_t)-SPRY_ENOSYS);
    CHECK((found.rflags & 0x100) == 0);
  }
}
__asm__(
    ".pushsection .program,\"ax\"\n"
    "stepped_call:\n\tpushfq\n\torq $0x100, (%rsp)\n\tpopfq\n\tsyscall\n\tret\n"
    ".popsection");

static void alignment(void) {
  struct registers given = pattern(GIVE_SUM);
  given.rflags |= RFLAGS_AC;
  check_call(given);
}

static void vectors(void) {
  static uint64_t before[2][16][2], after[16][2];
  for (unsigned i = 0; i < 16; i++) before[0][i][0] = ~(before[0][i][1] = UINT64_C(0x0123456789abcdef) * (i + 1));
  for (unsigned round = 0; round < 3; round++) {
    uint64_t result;
    __asm__ volatile(
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\tmovups \\n*16(%[from]), %%xmm\\n\n\t.endr\n\t"
        "call one_call\n\t"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\tmovups %%xmm\\n, \\n*16(%[to])\n\t.endr"
        : "=a"(result)
        : "a"(999), [from] "b"(before[0]), [to] "D"(after)
        : "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
          "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    CHECK(result == (uint64_t)-SPRY_ENOSYS);
    CHECK(memcmp(before[0], after, sizeof after) == 0);
  }
}
__asm__(".pushsection .program,\"ax\"\none_call:\tsyscall\n\tret\n.popsection");

/* x87, MXCSR, and the segment registers with their bases. */
static void other_state(void) {
  uint16_t control = 0x27f, control_after, selectors[4];
  uint32_t mxcsr = 0x9fc0, mxcsr_after;
  const double third = 3;
  double popped;
  uint64_t word, result = 999;
  __asm__ volatile(
      "fldcw %[control]\n\tldmxcsr %[mxcsr]\n\tfldl %[third]\n\tmov %[data], %%ds\n\tmov %[null], %%es\n\t"
      "call one_call\n\t"
      "mov %%ds, %[ds]\n\tmov %%es, %[es]\n\tmov %%fs, %[fs]\n\tmov %%gs, %[gs]\n\t"
      "mov %[null], %%ds\n\tfstpl %[popped]\n\tfnstcw %[control_after]\n\tstmxcsr %[mxcsr_after]\n\tfninit\n\t"
      "mov %%fs:0, %[word]"
      : "+a"(result), [control_after] "=m"(control_after), [mxcsr_after] "=m"(mxcsr_after), [popped] "=m"(popped),
        [word] "=r"(word), [ds] "=m"(selectors[0]), [es] "=m"(selectors[1]), [fs] "=m"(selectors[2]),
        [gs] "=m"(selectors[3])
      : [control] "m"(control), [mxcsr] "m"(mxcsr), [third] "m"(third), [data] "r"(0x2b), [null] "r"(0)
      : "rcx", "r11", "memory", "cc");
  const uint32_t usual = 0x1f80;
  __asm__ volatile("ldmxcsr %0" : : "m"(usual));
  CHECK(control_after == control && mxcsr_after == mxcsr && popped == third);
  CHECK(selectors[0] == 0x2b && selectors[1] == 0 && selectors[2] == 0 && selectors[3] == 0);
  CHECK(word == address_of(spry_boot_page()));
}

static void many(void) {
  for (uint64_t i = 0; i < 20000; i++) CHECK(call(GIVE_SUM, i, 2 * i, 0) >= 3 * i);
  CHECK(calls == 20000);
}

static void prints(void) {
  call(PRINT, 0, 0, 0);
  say("and on\n");
  call(PRINT, 0, 0, 0);
}

static void exits(void) { call(EXIT, 7, 0, 0); }
static void faults(void) { call(FAULT, 0, 0, 0); }
static void spins(void) { call(SPIN, 0, 0, 0); }

PROGRAM static void calls_for_ever(void) {
  for (;;) call(GIVE_SUM, 1, 2, 3);
}

/* A hypercall that the program makes is a hypercall too, each time. */
PROGRAM static void hypercalls(void) {
  for (unsigned i = 0; i < 3; i++) {
    CHECK(spry_hypercall(999, 0, 0, 0, 0, 0) == -SPRY_ENOSYS);
    CHECK(call(GIVE_SUM, 1, 2, 3) >= 6);
  }
}

/* The other ways into a kernel do not lead to the entry. */
PROGRAM static void int80(void) { __asm__ volatile("int $0x80" : : "a"(20) : "memory"); }
PROGRAM static void sysenter(void) { __asm__ volatile("sysenter" : : "a"(20) : "memory"); }
PROGRAM static void null_write(void) { write_at(8); }

/* One action of many: calls of earlier ones are forgotten. */
static void actions(void) {
  spry_ready();
  CHECK(calls == 0);
  for (uint64_t i = 0; i < 10; i++) CHECK(call(GIVE_SUM, i, i, 0) >= 2 * i);
  CHECK(calls == 10);
}

static const struct guest_case cases[] = {
    CASE(registers),   CASE(stacks), CASE(flags),    CASE(alignment),  CASE(vectors), CASE(single_step),
    CASE(other_state), CASE(many),   CASE(prints),   CASE(exits),      CASE(faults),  CASE(calls_for_ever),
    CASE(hypercalls),  CASE(int80),  CASE(sysenter), CASE(null_write), CASE(spins),   CASE(actions)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
