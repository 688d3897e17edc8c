/* FSBASE when the manifest asks for it, on every CPU and kernel. */
#include "guest_case.h"

SPRY_NEEDS(.features = SPRY_FEATURE_FSBASE);

/* The bases that are set. Each has room for the canary, which the compiler reads at %fs:0x28. */
static uint64_t words[16][8];
static const struct spry_boot *boot; /* kept here, because the library finds it by the base of FS */

/* The word at the base that tells which of the bases it is. */
static uint64_t at_base(void) {
  uint64_t word;
  __asm__ volatile("mov %%fs:8, %0" : "=r"(word));
  return word;
}

static void set_base(const void *base) {
  __asm__ volatile("lea 1f(%%rip), %%r8\n\tjmp *%%rdx\n1:"
                   :
                   : "d"(boot->set_fs_base), "S"(base)
                   : "rax", "rcx", "rdi", "r8", "r11", "cc", "memory");
}

/* The base is kept each time that it is set, also over hypercalls, the first of which are faults that become
 * hypercalls. */
static void keeps(void) {
  CHECK((boot->features & SPRY_FEATURE_FSBASE) != 0 && boot->set_fs_base != 0);
  for (unsigned i = 0; i < 1000; i++) {
    set_base(words[i % 16]);
    if (i % 10 == 0) spry_hypercall(SPRY_CALL_CLOCK, SPRY_CLOCK_MONOTONIC, 0, 0, 0, 0);
    if (i % 100 == 0) spry_hypercall(SPRY_CALL_POLL, 0, 0, 0, 0, 0);
    const uint64_t found = at_base();
    set_base(boot);
    CHECK(found == i % 16);
  }
}

/* The base is kept while the processor runs something else. */
static void keeps_over_a_sleep(void) {
  set_base(words[3]);
  spry_hypercall(SPRY_CALL_POLL, 20000000, 0, 0, 0, 0);
  const uint64_t found = at_base();
  set_base(boot);
  CHECK(found == 3);
}

/* No other general register changes, and no vector register. */
static void registers(void) {
  uint64_t sum, base, vector;
  __asm__ volatile(
      "mov $1, %%ebx\n\tmov $2, %%r9d\n\tmov $4, %%r10d\n\tmov $8, %%r12d\n\tmov $16, %%r13d\n\tmov $32, %%r14d\n\t"
      "mov $64, %%r15d\n\tmovq %%rsi, %%xmm5\n\tlea 1f(%%rip), %%r8\n\tjmp *%%rdx\n1:\n\t"
      "mov %%rbx, %%rax\n\tadd %%r9, %%rax\n\tadd %%r10, %%rax\n\tadd %%r12, %%rax\n\tadd %%r13, %%rax\n\t"
      "add %%r14, %%rax\n\tadd %%r15, %%rax\n\tmovq %%xmm5, %%rdx"
      : "=&a"(sum), "=S"(base), "=d"(vector)
      : "S"(words[5]), "d"(boot->set_fs_base)
      : "rbx", "rcx", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm5", "cc", "memory");
  const uint64_t found = at_base();
  set_base(boot);
  CHECK(sum == 127 && base == address_of(words[5]) && vector == base && found == 5);
}

/* Whatever FS itself holds of what it may hold. */
static void selectors(void) {
  for (unsigned i = 0; i < 2; i++) {
    const uint16_t selector = i == 0 ? 0 : 0x2b;
    uint16_t after;
    uint64_t found;
    __asm__ volatile(
        "mov %[selector], %%fs\n\tlea 1f(%%rip), %%r8\n\tjmp *%%rdx\n1:\tmov %%fs, %[after]\n\tmov %%fs:8, %[found]"
        : [after] "=m"(after), [found] "=&b"(found)
        : [selector] "r"((uint32_t)selector), "d"(boot->set_fs_base), "S"(words[9])
        : "rax", "rcx", "rdi", "r8", "r11", "cc", "memory");
    set_base(boot);
    CHECK(found == 9);
    CHECK(after == selector || after == 0);
  }
}

/* As an action of many, in each of which it is set anew. */
static void actions(void) {
  set_base(words[7]);
  uint64_t found = at_base();
  set_base(boot);
  CHECK(found == 7);
  spry_ready();
  CHECK(spry_boot_page() == boot);
  set_base(words[8]);
  found = at_base();
  set_base(boot);
  CHECK(found == 8);
}

static const struct guest_case cases[] = {CASE(keeps), CASE(keeps_over_a_sleep), CASE(registers), CASE(selectors),
                                          CASE(actions)};

int spry_main(int argc, char **argv) {
  boot = spry_boot_page();
  for (unsigned i = 0; i < 16; i++) {
    words[i][1] = i;
    words[i][5] = boot->canary;
  }
  return RUN_CASE(cases, argc, argv);
}
