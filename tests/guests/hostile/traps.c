/* Flags across a hypercall that traps for the first time and across one that was executed before, and instructions that
 * raise what an attacker would like: traps between two instructions, and debug exceptions. */
#include "hostile_case.h"

#define TRAP 0x100u
#define DIRECTION 0x400u
#define IOPL 0x3000u
#define NESTED_TASK 0x4000u
#define RESUME 0x10000u
#define ALIGNMENT 0x40000u
#define IDENTIFICATION 0x200000u

/* Makes unknown hypercalls by one instruction, which has never been executed before the first of them. */
#define WITH_FLAGS(flags)                                                                          \
  for (unsigned i = 0; i < 3; i++) {                                                               \
    uint64_t after;                                                                                \
    int64_t result;                                                                                \
    __asm__ volatile(                                                                              \
        "pushfq\n\torl %[set], (%%rsp)\n\tpopfq\n\tout %%eax, $0x7e\n\tpushfq\n\tpop %[after]\n\t" \
        "pushq $0x202\n\tpopfq"                                                                    \
        : "=a"(result), [after] "=r"(after)                                                        \
        : "a"(999), [set] "i"(flags)                                                               \
        : "memory", "cc", "rcx", "r11");                                                           \
    CHECK(result == -SPRY_ENOSYS);                                                                 \
    CHECK((after & (flags)) == (flags));                                                           \
  }

static void direction(void) { WITH_FLAGS(DIRECTION) }
static void nested_task(void) { WITH_FLAGS(NESTED_TASK) }
static void alignment(void) { WITH_FLAGS(ALIGNMENT) }
static void identification(void) { WITH_FLAGS(IDENTIFICATION) }
static void arithmetic(void) { WITH_FLAGS(0x8d5u) }
static void several(void) { WITH_FLAGS(0x8d5u | DIRECTION | ALIGNMENT | IDENTIFICATION) }

/* X(name, instructions that do not come back) */
#define INSTRUCTIONS(X)                                                                                         \
  X(trap_new, SET(0x100) "out %eax, $0x7e\n\tnop\n\tnop")                                                       \
  X(trap_used, CALL_ONCE SET(0x100) "jmp 1b")                                                                   \
  X(trap_call_by_dx, "mov $0x7e, %edx\n\t" SET(0x100) "out %eax, %dx\n\tnop\n\tnop")                            \
  X(trap_system_call, "mov $39, %eax\n\t" SET(0x100) "syscall\n\tnop\n\tnop")                                   \
  X(trap_spin, SET(0x100) "0: jmp 0b")                                                                          \
  X(trap_invalid, SET(0x100) "ud2")                                                                             \
  X(trap_shadow, "mov %ss, %ecx\n\t" SET(0x100) "mov %ecx, %ss\n\tout %eax, $0x7e\n\tnop")                      \
  X(trap_shadow_system_call, "mov %ss, %ecx\n\tmov $39, %eax\n\t" SET(0x100) "mov %ecx, %ss\n\tsyscall\n\tnop") \
  X(shadow_call_fault, "mov %ss, %ecx\n\tmov %ecx, %ss\n\tout %eax, $0x7e\n\tud2")                              \
  X(shadow_icebp, "mov %ss, %ecx\n\tmov %ecx, %ss\n\t.byte 0xf1")                                               \
  X(shadow_breakpoint, "mov %ss, %ecx\n\tmov %ecx, %ss\n\tint3")                                                \
  X(trap_icebp, SET(0x100) ".byte 0xf1")                                                                        \
  X(icebp, ".byte 0xf1")                                                                                        \
  X(int1, "int $1")                                                                                             \
  X(ud0, ".byte 0x0f, 0xff, 0xc0")                                                                              \
  X(ud1, ".byte 0x0f, 0xb9, 0xc0")                                                                              \
  X(alignment_fault, SET(0x40000) "ud2")                                                                        \
  X(alignment_odd_stack_fault, SET(0x40000) "sub $3, %rsp\n\tud2")                                              \
  X(alignment_odd_stack_spin, SET(0x40000) "sub $3, %rsp\n\t0: jmp 0b")                                         \
  X(alignment_odd_stack_call, "sub $3, %rsp\n\tmov %rsp, %rbx\n\tadd $3, %rsp\n\t" SET(                         \
                                  0x40000) "mov %rbx, %rsp\n\tout %eax, $0x7e\n\tout %eax, $0x7e\n\tud2")       \
  X(resume_trap, SET(0x10100) "ud2\n\tnop")                                                                     \
  X(all_flags_spin, SET(0x254fd5 & ~0x100) "0: jmp 0b")                                                         \
  X(all_flags_fault, SET(0x254fd5 & ~0x100) "ud2")                                                              \
  X(repeat_trap, "lea scratch(%rip), %rdi\n\tmov $64, %ecx\n\t" SET(0x100) "rep stosb\n\tnop")

#define SET(flags) "mov $999, %eax\n\tpushfq\n\torl $" #flags ", (%rsp)\n\tpopfq\n\t"
#define CALL_ONCE "xor %ecx, %ecx\n\tmov $999, %eax\n1:\n\tout %eax, $0x7e\n\tnop\n\tnop\n\t"

__attribute__((used)) static unsigned char scratch[64];

#define FUNCTION(name, text) \
  static void name(void) { __asm__ volatile(text); }
#define ENTRY(name, text) CASE(name),

INSTRUCTIONS(FUNCTION)

static const struct guest_case cases[] = {CASE(direction),  CASE(nested_task), CASE(alignment),    CASE(identification),
                                          CASE(arithmetic), CASE(several),     INSTRUCTIONS(ENTRY)};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
