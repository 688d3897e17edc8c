/* All that can be written is written, and all that can be read is read. Then the guest faults, exits or spins. */
#include "hostile_case.h"
#include "places.h"

#define STACK_KEPT 8192u /* below this function's frame: its callees' */

static void write_range(uint64_t start, uint64_t end, uint64_t value) {
  __asm__ volatile("" : "+r"(start));
  for (uint64_t *word = (uint64_t *)(uintptr_t)start; address_of(word) < end; word++) {
    *word = value;
    __asm__ volatile("" : : : "memory");
  }
}

/* Writes also to the gate's stack, if numbers 0 and 1 say where it is. */
static void write_everything(uint64_t value) {
  const struct spry_boot *boot = spry_boot_page();
  write_range(boot->heap_start, boot->heap_end, value);
  write_range(boot->stack_start, address_of(__builtin_frame_address(0)) - STACK_KEPT, value);
  uint64_t gate_stack = hostile_number(0, 0);
  write_range(gate_stack, gate_stack + hostile_number(1, 0), value);
  /* The shared area comes last: its first word is the console's length. */
  write_range(boot->devices[0].shared, boot->devices[0].shared + boot->devices[0].shared_size, value);
}

static void zeros_fault(void) {
  write_everything(0);
  end_by_fault();
}

static void ones_fault(void) {
  write_everything(UINT64_MAX);
  end_by_fault();
}

static void hypercalls_exit(void) {
  write_everything(0x7ee77ee77ee77ee7);
  end_by_exit();
}

static void addresses_fault(void) {
  write_everything(address_of(end_by_fault));
  end_by_fault();
}

static void ones_spin(void) {
  write_everything(UINT64_MAX);
  end_by_spin();
}

/* Writes everything over and over, until the deadline. */
static void storm(void) {
  for (uint64_t value = 0;; value++) write_everything(value);
}

/* Overwrites the whole stack, by code that needs none, and exits. */
static void stack_exit(void) {
  const struct spry_boot *boot = spry_boot_page();
  uint64_t words = (boot->stack_end - boot->stack_start) / 8;
  __asm__ volatile("rep stosq\n\tmov %[exit], %%eax\n\tmov $3, %%edi\n\tout %%eax, $0x7e"
                   :
                   : "D"(boot->stack_start), "c"(words), "a"(0x6c656674), [exit] "i"(SPRY_CALL_EXIT)
                   : "memory");
  __builtin_unreachable();
}

static uint64_t read_range(uint64_t start, uint64_t end) {
  uint64_t total = 0;
  for (uint64_t address = start; address < end; address += 64) total += *at(address);
  return total;
}

/* Reads all from the first segment to the heap's end at once: in this image there are no holes between segments. */
static void read_everything(void) {
  const struct spry_boot *boot = spry_boot_page();
  read_range(boot->self, boot->self + 4096);
  read_range(boot->stack_start, boot->stack_end);
  read_range(boot->devices[0].shared, boot->devices[0].shared + boot->devices[0].shared_size);
  read_range(boot->image_start, boot->heap_end);
  read_range(boot->input, boot->input + boot->input_length);
}

/* Writes to each page of the heap: thousands of page faults, each of which the monitor serves. */
static void touch_heap(void) {
  const struct spry_boot *boot = spry_boot_page();
  for (unsigned i = 0; i < 3; i++) {
    for (uint64_t address = boot->heap_start; address < boot->heap_end; address += 4096) write_at(address);
  }
}

/* Gives the monitor a pointer to each page of the machine: it must neither write nor read where the guest itself may
 * not. */
static void pointers_everywhere(void) {
  static const uint64_t places[] = {0,
                                    PLACE_STUB,
                                    PLACE_STUB + 4096,
                                    PLACE_GATE_STACK,
                                    PLACE_GATE_STACK + PLACE_GATE_STACK_BYTES - 4,
                                    PLACE_NOWHERE,
                                    PLACE_USER_END - 8,
                                    PLACE_NOT_CANONICAL,
                                    PLACE_KERNEL,
                                    PLACE_VSYSCALL};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    CHECK(i == 0 || spry_hypercall(SPRY_CALL_POLL, 0, places[i], 0, 0, 0) == -SPRY_EFAULT);
    CHECK(spry_hypercall(SPRY_CALL_DEVICE, 0, SPRY_CONSOLE_WRITE, SPRY_STREAM_OUTPUT, places[i], 8) == -SPRY_EFAULT);
  }
}

static const struct guest_case cases[] = {
    CASE(zeros_fault), CASE(ones_fault), CASE(hypercalls_exit), CASE(addresses_fault), CASE(ones_spin),
    CASE(storm),       CASE(stack_exit), CASE(read_everything), CASE(touch_heap),      CASE(pointers_everywhere),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
