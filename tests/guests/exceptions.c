/* Each exception that a program can raise, raised in each way, also with flags and a stack pointer that could harm the
 * gates. No program can raise the others: BOUND is no instruction of 64-bit mode (#BR), CR0.TS and EM are clear (#NM),
 * and every descriptor that a selector can reach is present and of a kind that a program may or may not load (#NP,
 * #TS). Page faults are in memory.c, invalid instructions and general protection faults also in forbidden.c. */
#include "guest_case.h"

#define CASES(X)                                                                                                     \
  X(divide, "xor %ecx, %ecx\n\txor %edx, %edx\n\tmov $1, %eax\n\tdiv %ecx")                                          \
  X(divide_overflow, "mov $0x80000000, %eax\n\tcltd\n\tmov $-1, %ecx\n\tidiv %ecx")                                  \
  X(trap_flag, "pushfq\n\torl $0x100, (%rsp)\n\tpopfq\n\tnop\n\tnop")                                                \
  X(trap_flag_at_call,                                                                                               \
    "mov $5, %eax\n\tmov $1, %edi\n\tpushfq\n\torl $0x100, (%rsp)\n\tpopfq\n\tout %eax, $0x7e\n\tnop\n\tnop")        \
  X(breakpoint, "int3")                                                                                              \
  X(breakpoint_long, ".byte 0xcd, 3")                                                                                \
  X(overflow, "int $4")                                                                                              \
  X(invalid, "ud2")                                                                                                  \
  X(stack_address, "mov $0x8000, %eax\n\tshl $32, %rax\n\tmov %rax, %rbp\n\tmov 0(%rbp), %rax")                      \
  X(vector_operand, "and $-16, %rsp\n\tmovaps %xmm0, -15(%rsp)")                                                     \
  X(x87, "push $0\n\tfldcw (%rsp)\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait")                                               \
  X(simd,                                                                                                            \
    "push $0\n\tldmxcsr (%rsp)\n\tmov $1, %eax\n\tcvtsi2sd %eax, %xmm0\n\txorpd %xmm1, %xmm1\n\tdivsd %xmm1, %xmm0") \
  X(alignment, "pushfq\n\torl $0x40000, (%rsp)\n\tpopfq\n\tmov 1(%rsp), %eax")                                       \
  X(nested_task, "pushfq\n\torl $0x4000, (%rsp)\n\tpopfq\n\tud2")                                                    \
  X(direction, "std\n\tud2")                                                                                         \
  X(all_flags, "pushfq\n\torl $0x44fd5, (%rsp)\n\tpopfq\n\tud2")                                                     \
  X(no_stack, "xor %esp, %esp\n\tud2")                                                                               \
  X(wild_stack, "mov $0x8000, %eax\n\tshl $48, %rax\n\tmov %rax, %rsp\n\tud2")                                       \
  X(user_selectors, "mov $0x2b, %eax\n\tmov %eax, %ds\n\tmov %eax, %es\n\tmov %eax, %gs\n\tud2")                     \
  X(resume_flag, "pushfq\n\torl $0x10000, (%rsp)\n\tpopfq\n\tud2")

#define FUNCTION(name, text) \
  static void name(void) { __asm__ volatile(text); }
#define ENTRY(name, text) CASE(name),

CASES(FUNCTION)

static const struct guest_case cases[] = {CASES(ENTRY)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
