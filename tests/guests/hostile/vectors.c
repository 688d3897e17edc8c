/* Vector and x87 state that harms a monitor which computes with it, or does not keep it: denormals with every exception
 * unmasked, exceptions that are pending, registers full of signalling NaNs, memory that protection keys take away. */
#include "hostile_case.h"

#define UNMASKED "pushq $0\n\tldmxcsr (%rsp)\n\tfldcw (%rsp)\n\tadd $8, %rsp\n\t"
#define FLAGGED "pushq $0x3f\n\tldmxcsr (%rsp)\n\tadd $8, %rsp\n\t"
#define DENORMALS                                                                                        \
  "pushq $1\n\tmovq (%rsp), %xmm0\n\tadd $8, %rsp\n\tpunpcklqdq %xmm0, %xmm0\n\tmovdqa %xmm0, %xmm1\n\t" \
  "movdqa %xmm0, %xmm2\n\tmovdqa %xmm0, %xmm3\n\tmovdqa %xmm0, %xmm7\n\tmovdqa %xmm0, %xmm15\n\t"
/* An exception that the next x87 instruction raises. */
#define PENDING "fninit\n\tpushq $0\n\tfld1\n\tfldz\n\tfdivrp\n\tfldcw (%rsp)\n\tadd $8, %rsp\n\t"
#define MMX "pcmpeqd %mm0, %mm0\n\tmovq %mm0, %mm7\n\t"
#define NANS "pcmpeqd %xmm0, %xmm0\n\tpsrlq $2, %xmm0\n\tmovdqa %xmm0, %xmm15\n\t"
#define DENY_ALL "mov $-1, %eax\n\txor %ecx, %ecx\n\txor %edx, %edx\n\twrpkru\n\t"

#define SPIN "0: jmp 0b"
#define FAULT "ud2"
#define EXIT "mov $1, %eax\n\tmov $3, %edi\n\tout %eax, $0x7e"

/* X(name, instructions) */
#define STATES(X)                  \
  X(denormals, UNMASKED DENORMALS) \
  X(flagged, FLAGGED DENORMALS)    \
  X(pending, PENDING)              \
  X(mmx, MMX)                      \
  X(nans, UNMASKED NANS)           \
  X(everything, MMX PENDING FLAGGED NANS)

#define FUNCTIONS(name, text)                                      \
  static void name##_spin(void) { __asm__ volatile(text SPIN); }   \
  static void name##_fault(void) { __asm__ volatile(text FAULT); } \
  static void name##_exit(void) { __asm__ volatile(text EXIT); }
#define ENTRIES(name, text) CASE(name##_spin), CASE(name##_fault), CASE(name##_exit),

STATES(FUNCTIONS)

/* Computes with denormals until the deadline, with exceptions masked. */
static void denormals_compute(void) {
  __asm__ volatile(DENORMALS "0:\n\tmulpd %xmm1, %xmm0\n\taddpd %xmm2, %xmm0\n\tdivpd %xmm3, %xmm0\n\tjmp 0b");
}

/* A hypercall, after which the pending exception must still be pending. */
static void pending_call(void) { __asm__ volatile(PENDING "mov $999, %eax\n\tout %eax, $0x7e\n\tfwait"); }

/* Needs protection keys of CPU and host; without them the instruction is invalid. */
static void keys_fault(void) { __asm__ volatile(DENY_ALL FAULT); }
static void keys_spin(void) { __asm__ volatile(DENY_ALL SPIN); }
static void keys_exit(void) { __asm__ volatile(DENY_ALL EXIT); }

static const struct guest_case cases[] = {
    STATES(ENTRIES) CASE(denormals_compute), CASE(pending_call), CASE(keys_fault), CASE(keys_spin), CASE(keys_exit),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
