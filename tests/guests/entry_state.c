/* The state in which a unikernel begins, stored by entry_state.S before anything could change it. */
#include "guest_case.h"

struct entry {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15;
  uint64_t rflags;
  uint16_t cs, ss, ds, es, fs, gs;
  uint32_t mxcsr;
  uint16_t x87_control, x87_status;
  uint32_t unused;
  uint64_t fs_0, fs_28;
  uint64_t xmm0[2], xmm_union[2];
  uint32_t x87_environment[7];
};
SPRY_STATIC_ASSERT(offsetof(struct entry, mxcsr) == 148, "entry_state.S");
SPRY_STATIC_ASSERT(offsetof(struct entry, fs_0) == 160, "entry_state.S");
SPRY_STATIC_ASSERT(offsetof(struct entry, x87_environment) == 208, "entry_state.S");

extern struct entry entry;
struct entry entry;

#define RFLAGS_IOPL 0x3000u /* differs between hosts */

static void general(void) {
  CHECK(entry.rax == SPRY_ENTRY_MAGIC && memcmp(&entry.rax, "SPRY\0\0\0", 8) == 0);
  CHECK(entry.rdi == address_of(spry_boot_page()));
  CHECK(entry.rsp == spry_boot_page()->stack_end && entry.rsp % 16 == 0);
  CHECK((entry.rbx | entry.rcx | entry.rdx | entry.rsi | entry.rbp) == 0);
  CHECK((entry.r8 | entry.r9 | entry.r10 | entry.r11 | entry.r12 | entry.r13 | entry.r14 | entry.r15) == 0);
  CHECK((entry.rflags & ~(uint64_t)RFLAGS_IOPL) == 0x202);
}

static void segments(void) {
  CHECK(entry.cs == 0x33 && entry.ss == 0x2b);
  CHECK(entry.ds == 0 && entry.es == 0 && entry.fs == 0 && entry.gs == 0);
  CHECK(entry.fs_0 == entry.rdi && entry.fs_0 == spry_boot_page()->self);
  CHECK(entry.fs_28 == spry_boot_page()->canary && entry.fs_28 != 0);
}

static void vectors(void) {
  CHECK(entry.mxcsr == 0x1f80);
  CHECK(entry.x87_control == 0x37f && entry.x87_status == 0);
  CHECK((entry.x87_environment[2] & 0xffff) == 0xffff); /* every x87 register is empty */
  CHECK((entry.xmm0[0] | entry.xmm0[1] | entry.xmm_union[0] | entry.xmm_union[1]) == 0);
}

static void boot_page(void) {
  const struct spry_boot *boot = spry_boot_page();
  CHECK(boot->abi_version == SPRY_ABI_VERSION && boot->size == sizeof *boot);
  CHECK(boot->generation == 1 && boot->flags == SPRY_BOOT_READY);
  CHECK(boot->slide % (2u << 20) == 0);
  CHECK(boot->image_start - boot->slide >= SPRY_IMAGE_MIN && boot->image_start < boot->image_end);
  CHECK(address_of(&entry) > boot->image_start && address_of(&entry) < boot->image_end);
  CHECK(boot->heap_start >= boot->image_end && boot->heap_start < boot->heap_end);
  CHECK(boot->stack_start < boot->stack_end && (boot->stack_end - boot->stack_start) >= (200u << 10));
  CHECK(boot->input == 0 && boot->input_length == 0);
  CHECK(boot->device_count == 1 && boot->devices[0].shared != 0);
  for (unsigned i = 1; i < SPRY_DEVICES_MAX; i++) {
    CHECK(boot->devices[i].shared == 0 && boot->devices[i].shared_size == 0);
  }
}

/* A hypercall returns with the flags and every register but RAX, RCX and R11 as they were. It is made several times,
 * because the first may be served in another way. */
static void call_once(void) {
  static uint64_t before[16], after[16];
  for (unsigned i = 0; i < 16; i++) before[i] = 0x0101010101010101u * (i + 1);
  before[4] = SPRY_CLOCK_MONOTONIC;
  static uint64_t flags;
  __asm__ volatile(
      "push %%rbp\n\t"
      "lea %[before], %%rax\n\t"
      "mov 0(%%rax), %%rbx\n\tmov 8(%%rax), %%rcx\n\tmov 16(%%rax), %%rdx\n\tmov 24(%%rax), %%rsi\n\t"
      "mov 32(%%rax), %%rdi\n\tmov 40(%%rax), %%rbp\n\tmov 48(%%rax), %%r8\n\tmov 56(%%rax), %%r9\n\t"
      "mov 64(%%rax), %%r10\n\tmov 72(%%rax), %%r11\n\tmov 80(%%rax), %%r12\n\tmov 88(%%rax), %%r13\n\t"
      "mov 96(%%rax), %%r14\n\tmov 104(%%rax), %%r15\n\t"
      "mov %[call], %%eax\n\t"
      "cmp $0, %%eax\n\tstd\n\tstc\n\t"
      "out %%eax, %[port]\n\t"
      "pushfq\n\tpop %[flags]\n\tcld\n\t"
      "lea %[after], %%rax\n\t"
      "mov %%rbx, 0(%%rax)\n\tmov %%rcx, 8(%%rax)\n\tmov %%rdx, 16(%%rax)\n\tmov %%rsi, 24(%%rax)\n\t"
      "mov %%rdi, 32(%%rax)\n\tmov %%rbp, 40(%%rax)\n\tmov %%r8, 48(%%rax)\n\tmov %%r9, 56(%%rax)\n\t"
      "mov %%r10, 64(%%rax)\n\tmov %%r11, 72(%%rax)\n\tmov %%r12, 80(%%rax)\n\tmov %%r13, 88(%%rax)\n\t"
      "mov %%r14, 96(%%rax)\n\tmov %%r15, 104(%%rax)\n\t"
      "pop %%rbp\n\t"
      : [flags] "=m"(flags), [after] "=m"(after)
      : [before] "m"(before), [call] "i"(SPRY_CALL_CLOCK), [port] "i"(SPRY_HYPERCALL_PORT)
      : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
  for (unsigned i = 0; i < 14; i++) CHECK(i == 1 || i == 9 || after[i] == before[i]); /* RCX, R11 */
  CHECK((flags & 0xcd5) == 0x405); /* CF, PF and DF set, the other flags of a program clear */
}

static void preserved(void) {
  for (int i = 0; i < 3; i++) call_once();
}

static const struct guest_case cases[] = {
    CASE(general), CASE(segments), CASE(vectors), CASE(boot_page), CASE(preserved),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
