/* Instructions that no program in ring 3 may execute, and those that CPUs lack. */
#include "guest_case.h"

#define INSTRUCTIONS(X)                                                                                              \
  X(hlt, "hlt")                                                                                                      \
  X(cli, "cli")                                                                                                      \
  X(sti, "sti")                                                                                                      \
  X(rdmsr, "mov $0x10, %ecx\n\trdmsr")                                                                               \
  X(wrmsr, "mov $0xc0000080, %ecx\n\txor %eax, %eax\n\txor %edx, %edx\n\twrmsr")                                     \
  X(rdpmc, "xor %ecx, %ecx\n\trdpmc")                                                                                \
  X(read_cr0, "mov %cr0, %rax")                                                                                      \
  X(read_cr3, "mov %cr3, %rax")                                                                                      \
  X(write_cr0, "mov %rax, %cr0")                                                                                     \
  X(write_cr3, "xor %eax, %eax\n\tmov %rax, %cr3")                                                                   \
  X(write_cr4, "mov %rax, %cr4")                                                                                     \
  X(write_cr8, "mov %rax, %cr8")                                                                                     \
  X(read_dr7, "mov %dr7, %rax")                                                                                      \
  X(write_dr7, "mov %rax, %dr7")                                                                                     \
  X(lgdt, "lgdt -16(%rsp)")                                                                                          \
  X(lidt, "lidt -16(%rsp)")                                                                                          \
  X(lldt, "lldt %ax")                                                                                                \
  X(ltr, "mov $0x40, %eax\n\tltr %ax")                                                                               \
  X(lmsw, "lmsw %ax")                                                                                                \
  X(clts, "clts")                                                                                                    \
  X(invlpg, "invlpg (%rsp)")                                                                                         \
  X(invd, "invd")                                                                                                    \
  X(wbinvd, "wbinvd")                                                                                                \
  X(swapgs, "swapgs")                                                                                                \
  X(sysret, "sysretq")                                                                                               \
  X(sysexit, "sysexit")                                                                                              \
  X(syscall, "mov $60, %eax\n\tsyscall")                                                                             \
  X(sysenter, "sysenter")                                                                                            \
  X(int_0, "int $0")                                                                                                 \
  X(int_1, "int $1")                                                                                                 \
  X(int_2, "int $2")                                                                                                 \
  X(int_8, "int $8")                                                                                                 \
  X(int_13, "int $13")                                                                                               \
  X(int_14, "int $14")                                                                                               \
  X(int_31, "int $31")                                                                                               \
  X(int_32, "int $32")                                                                                               \
  X(int_80, "int $0x80")                                                                                             \
  X(int_ff, "int $0xff")                                                                                             \
  X(icebp, ".byte 0xf1")                                                                                             \
  X(into, ".byte 0xce")                                                                                              \
  X(push_es, ".byte 0x06")                                                                                           \
  X(ud2, "ud2")                                                                                                      \
  X(ud1, ".byte 0x0f, 0xb9, 0xc0")                                                                                   \
  X(lock_nop, ".byte 0xf0, 0x90")                                                                                    \
  X(too_long, ".fill 15, 1, 0x66\n\tnop")                                                                            \
  X(vmrun, "xor %eax, %eax\n\tvmrun")                                                                                \
  X(vmxon, "vmxon -8(%rsp)")                                                                                         \
  X(vmlaunch, "vmlaunch")                                                                                            \
  X(vmload, "xor %eax, %eax\n\tvmload")                                                                              \
  X(stgi, "stgi")                                                                                                    \
  X(monitor, "mov %rsp, %rax\n\txor %ecx, %ecx\n\txor %edx, %edx\n\tmonitor")                                        \
  X(mwait, "xor %eax, %eax\n\txor %ecx, %ecx\n\tmwait")                                                              \
  X(clac, "clac")                                                                                                    \
  X(xsetbv, "xor %ecx, %ecx\n\txor %edx, %edx\n\tmov $3, %eax\n\txsetbv")                                            \
  X(vmcall, "vmcall")                                                                                                \
  X(vmmcall, "vmmcall")                                                                                              \
  X(xgetbv, "xor %ecx, %ecx\n\txgetbv")                                                                              \
  X(rdfsbase, "rdfsbase %rax")                                                                                       \
  X(kernel_cs, "mov %ss, %rax\n\tmov %rsp, %rdx\n\tpush %rax\n\tpush %rdx\n\tpushfq\n\tpush $8\n\tpush $0\n\tiretq") \
  X(kernel_ss, "mov %rsp, %rdx\n\tpush $0x10\n\tpush %rdx\n\tpushfq\n\tpush $0x33\n\tpush $0\n\tiretq")              \
  X(null_cs, "mov %ss, %rax\n\tmov %rsp, %rdx\n\tpush %rax\n\tpush %rdx\n\tpushfq\n\tpush $0\n\tpush $0\n\tiretq")   \
  X(far_return, "push $8\n\tpush $0\n\tlretq")                                                                       \
  X(kernel_ds, "mov $8, %eax\n\tmov %eax, %ds")                                                                      \
  X(task_ds, "mov $0x40, %eax\n\tmov %eax, %ds")                                                                     \
  X(null_ss, "xor %eax, %eax\n\tmov %eax, %ss")                                                                      \
  X(local_fs, "mov $0x7, %eax\n\tmov %eax, %fs")                                                                     \
  X(beyond_gdt, "mov $0xfffb, %eax\n\tmov %eax, %gs")

#define FUNCTION(name, text) \
  static void name(void) { __asm__ volatile(text); }
#define ENTRY(name, text) CASE(name),

INSTRUCTIONS(FUNCTION)

static const struct guest_case cases[] = {INSTRUCTIONS(ENTRY)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
