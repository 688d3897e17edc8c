/* Selectors: each that can be loaded is. FS is last, because the library needs its base. */
#include <stdbool.h>

#include "hostile_case.h"

/* Whether a load of DS faults, without loading it. */
static bool loads(uint32_t selector) {
  bool readable;
  __asm__ volatile("verr %w1" : "=@ccz"(readable) : "r"(selector));
  return readable || selector < 4;
}

static void load_all(void) {
  for (uint32_t selector = 0; selector < 0x10000; selector++) {
    if (!loads(selector)) continue;
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%gs" : : "r"(selector));
  }
}

static uint32_t last_selector(void) {
  uint32_t last = 0;
  for (uint32_t selector = 0; selector < 0x10000; selector++) {
    if (loads(selector)) last = selector;
  }
  return last;
}

/* DS, ES, GS. */
static void all_return(void) { load_all(); }

static void all_fault(void) {
  load_all();
  end_by_fault();
}

static void all_spin(void) {
  load_all();
  end_by_spin();
}

/* Loads all four with the last selector that can be loaded. FS is among them, so nothing may use the boot page from
 * here on. */
#define LOAD "mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%gs\n\tmov %0, %%fs\n\t"

static void last_fault(void) { __asm__ volatile(LOAD "ud2" : : "r"(last_selector())); }
static void last_spin(void) { __asm__ volatile(LOAD "0: jmp 0b" : : "r"(last_selector())); }

static void last_exit(void) {
  __asm__ volatile(LOAD "mov $1, %%eax\n\tmov $3, %%edi\n\tout %%eax, $0x7e" : : "r"(last_selector()));
}

static void fs_null_exit(void) {
  __asm__ volatile("xor %eax, %eax\n\tmov %eax, %fs\n\tmov $1, %eax\n\tmov $3, %edi\n\tout %eax, $0x7e");
}

static void fs_null_fault(void) { __asm__ volatile("xor %eax, %eax\n\tmov %eax, %fs\n\tud2"); }
static void fs_user_spin(void) { __asm__ volatile("mov $0x2b, %eax\n\tmov %eax, %fs\n\t0: jmp 0b"); }

/* Loads one selector after the other, with a hypercall after each. */
static void all_call(void) {
  for (uint32_t selector = 0; selector < 0x10000; selector++) {
    if (!loads(selector)) continue;
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%gs" : : "r"(selector));
    CHECK(spry_hypercall(999, 0, 0, 0, 0, 0) == -SPRY_ENOSYS);
  }
}

static const struct guest_case cases[] = {
    CASE(all_return), CASE(all_fault), CASE(all_spin),     CASE(all_call),      CASE(last_fault),
    CASE(last_spin),  CASE(last_exit), CASE(fs_null_exit), CASE(fs_null_fault), CASE(fs_user_spin),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
