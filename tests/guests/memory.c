/* Accesses that memory's permissions refuse: each is a fault with its name. */
#include <stdlib.h>

#include "guest_case.h"

/* Guest-physical, where a guest in a virtual machine has the monitor's pages (monitor/kvm/system_page.h). */
#define SYSTEM_PAGE 0x10000u
#define GATE_STACK 0x11000u
#define PAGE_TABLES 0x12000u
#define GATES 0x10800u

static const unsigned char return_instruction_constant[] = {0xc3};
static unsigned char return_instruction[] = {0xc3};
static const char *const relocated[] = {"a", "b"};

static uint64_t slid(uint64_t physical) { return spry_boot_page()->slide + physical; }

static void null_read(void) { read_at(0); }
static void null_write(void) { write_at(8); }
static void null_execute(void) { execute_at(0); }
static void null_far(void) { read_at(0xfff8); }

static void null_increment(void) { __asm__ volatile("incb (%0)" : : "r"(0UL) : "memory"); }

static void code_write(void) { write_at(address_of(null_read)); }
static void code_read(void) { CHECK(*at(address_of(null_read)) != 0); }
static void data_execute(void) { execute_at(address_of(return_instruction)); }
static void constant_write(void) { write_at(address_of(return_instruction_constant)); }
static void constant_execute(void) { execute_at(address_of(return_instruction_constant)); }
static void relro_write(void) { write_at(address_of(&relocated[1])); }

static void stack_execute(void) {
  volatile unsigned char code[1] = {0xc3};
  execute_at(address_of(code));
}

static void heap_execute(void) {
  unsigned char *code = malloc(64);
  code[0] = 0xc3;
  execute_at(address_of(code));
}

/* Where there is no memory slot yet: memory grows first, and then cannot be executed. */
static void far_heap_execute(void) { execute_at(spry_boot_page()->heap_end - SPRY_PAGE_SIZE); }

static void shared_execute(void) { execute_at(spry_boot_page()->devices[0].shared + 8); }

static void boot_write(void) { write_at(address_of(spry_boot_page())); }
static void boot_execute(void) { execute_at(address_of(spry_boot_page())); }
static void argument_write(void) { write_at(*(uint64_t *)(uintptr_t)spry_boot_page()->argv); }

static void system_read(void) { read_at(slid(SYSTEM_PAGE)); }
static void system_write(void) { write_at(slid(SYSTEM_PAGE)); }
static void system_execute(void) { execute_at(slid(GATES)); }
static void gate_stack_read(void) { read_at(slid(GATE_STACK)); }
static void gate_stack_write(void) { write_at(slid(PAGE_TABLES - 8)); }
static void tables_read(void) { read_at(slid(PAGE_TABLES)); }
static void tables_write(void) { write_at(slid(PAGE_TABLES)); }
static void tables_execute(void) { execute_at(slid(PAGE_TABLES)); }
static void slide_read(void) { read_at(slid(0)); }

/* An image at 1 MiB begins where the monitor's memory and the stack end; the heap ends where the memory does. */
static void end_read(void) { read_at(spry_boot_page()->heap_end); }
static void end_write(void) { write_at(spry_boot_page()->heap_end); }
static void end_execute(void) { execute_at(spry_boot_page()->heap_end); }

/* A word of which only half lies in the last page. */
static void end_crossing(void) {
  __asm__ volatile("mov %0, (%1)" : : "r"(0UL), "r"(spry_boot_page()->heap_end - 4) : "memory");
}

static void unmapped_read(void) { read_at(0x7f0000000000); }
static void unmapped_write(void) { write_at(0x12345678); }
static void unmapped_execute(void) { execute_at(0x7f0000000000); }
static void kernel_read(void) { read_at(0xffffffff81000000); }
static void kernel_write(void) { write_at(0xffff888000000000); }
static void kernel_execute(void) { execute_at(0xffffffff81000000); }
static void last_read(void) { read_at(UINT64_MAX); }

static void not_canonical_read(void) { read_at(0x8000000000000000); }
static void not_canonical_write(void) { write_at(0x0000800000000000); }
static void not_canonical_execute(void) { execute_at(0x8000000000000000); }

/* A jump into the middle of an instruction: its bytes are code like any other. */
static void middle_of_instruction(void) {
  __asm__ volatile(
      "lea 0f(%%rip), %%rax\n\t"
      "add $2, %%rax\n\t"
      "jmp *%%rax\n"
      "0: movabs $0x0b0f0b0f0b0f, %%rax"
      :
      :
      : "rax");
}

static const struct guest_case cases[] = {
    CASE(null_read),
    CASE(null_write),
    CASE(null_execute),
    CASE(null_far),
    CASE(null_increment),
    CASE(code_write),
    CASE(code_read),
    CASE(data_execute),
    CASE(constant_write),
    CASE(constant_execute),
    CASE(relro_write),
    CASE(stack_execute),
    CASE(heap_execute),
    CASE(far_heap_execute),
    CASE(shared_execute),
    CASE(boot_write),
    CASE(boot_execute),
    CASE(argument_write),
    CASE(system_read),
    CASE(system_write),
    CASE(system_execute),
    CASE(gate_stack_read),
    CASE(gate_stack_write),
    CASE(tables_read),
    CASE(tables_write),
    CASE(tables_execute),
    CASE(slide_read),
    CASE(end_read),
    CASE(end_write),
    CASE(end_execute),
    CASE(end_crossing),
    CASE(unmapped_read),
    CASE(unmapped_write),
    CASE(unmapped_execute),
    CASE(kernel_read),
    CASE(kernel_write),
    CASE(kernel_execute),
    CASE(last_read),
    CASE(not_canonical_read),
    CASE(not_canonical_write),
    CASE(not_canonical_execute),
    CASE(middle_of_instruction),

};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
