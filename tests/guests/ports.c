/* Ports: only a 4-byte `out` of EAX to one port has a meaning. Everything else is a fault, also forged gates and
 * hypercalls of other sizes. */
#include "guest_case.h"

#define CASES(X)                                                                                           \
  X(out_byte, "mov $1, %eax\n\tout %al, $0x7e")                                                            \
  X(out_word, "mov $1, %eax\n\tout %ax, $0x7e")                                                            \
  X(in_byte, "in $0x7e, %al")                                                                              \
  X(in_word, "in $0x7e, %ax")                                                                              \
  X(in_long, "in $0x7e, %eax")                                                                             \
  X(in_long_dx, "mov $0x7e, %edx\n\tin %dx, %eax")                                                         \
  X(outs_byte, STRING(0x7e) "outsb")                                                                       \
  X(outs_long, STRING(0x7e) "outsl")                                                                       \
  X(rep_outs_byte, STRING(0x7e) "rep outsb")                                                               \
  X(rep_outs_long, STRING(0x7e) "rep outsl")                                                               \
  X(rep_outs_as_call, STRING(0x7e) "mov $999, %eax\n\tmov %eax, (%rsi)\n\tmov %eax, 4(%rsi)\n\trep outsl") \
  X(ins_byte, STRING(0x7e) "insb")                                                                         \
  X(rep_ins_byte, STRING(0x7e) "rep insb")                                                                 \
  X(rep_ins_long, STRING(0x7e) "rep insl")                                                                 \
  X(rep_ins_read_only, STRING(0x7e) "lea spry_exit(%rip), %rdi\n\trep insb")                               \
  X(rep_outs_null, STRING(0x7e) "xor %esi, %esi\n\trep outsb")                                             \
  X(port_7d, "out %eax, $0x7d")                                                                            \
  X(port_7f, "out %eax, $0x7f")                                                                            \
  X(port_80, "out %al, $0x80")                                                                             \
  X(port_80_long, "out %eax, $0x80")                                                                       \
  X(port_81_in, "in $0x81, %al")                                                                           \
  X(port_20, "mov $0x20, %al\n\tout %al, $0x20")                                                           \
  X(port_60_in, "in $0x60, %al")                                                                           \
  X(port_64, "mov $0xfe, %al\n\tout %al, $0x64")                                                           \
  X(port_92, "mov $1, %al\n\tout %al, $0x92")                                                              \
  X(port_3f8, "mov $0x3f8, %edx\n\tmov $'x', %al\n\tout %al, %dx")                                         \
  X(port_3f8_word, "mov $0x3f8, %edx\n\tout %ax, %dx")                                                     \
  X(port_cf8, "mov $0xcf8, %edx\n\tout %eax, %dx")                                                         \
  X(port_cfc_in, "mov $0xcfc, %edx\n\tin %dx, %eax")                                                       \
  X(port_cf9, "mov $0xcf9, %edx\n\tmov $6, %al\n\tout %al, %dx")                                           \
  X(port_ffff, "mov $0xffff, %edx\n\tout %al, %dx")                                                        \
  X(port_ffff_in, "mov $0xffff, %edx\n\tin %dx, %al")                                                      \
  X(port_60_ins, STRING(0x60) "rep insb")                                                                  \
  X(port_60_outs, STRING(0x60) "rep outsw")                                                                \
  X(gate_0, "out %al, $0")                                                                                 \
  X(gate_6, "out %al, $6")                                                                                 \
  X(gate_13, "out %al, $13")                                                                               \
  X(gate_14, "out %al, $14")                                                                               \
  X(gate_14_in, "in $14, %al")                                                                             \
  X(gate_31, "out %al, $31")                                                                               \
  X(gate_32, "out %al, $32")

/* String I/O: forward, three elements, from and to memory of our own; EAX holds none of these elements. */
static uint32_t memory[16] = {1, 1, 1};
#define STRING(port)                                                                        \
  "cld\n\tmov $" #port                                                                      \
  ", %edx\n\tmov $3, %ecx\n\tlea memory(%rip), %rsi\n\tmov %rsi, %rdi\n\tmov $0x77777777, " \
  "%eax\n\t"

#define FUNCTION(name, text) \
  static void name(void) { __asm__ volatile(text); }
#define ENTRY(name, text) CASE(name),

CASES(FUNCTION)

static const struct guest_case cases[] = {CASES(ENTRY)};

int spry_main(int argc, char **argv) {
  __asm__ volatile("" : "+m"(memory));
  return RUN_CASE(cases, argc, argv);
}
