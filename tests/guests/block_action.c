/* A disk's sectors in memory that the program itself never writes: what only the monitor wrote must be gone in the next
 * action, from the heap and from .bss. */
#include "guest_case.h"
#include "spry/block.h"

SPRY_BLOCK(disk);

#define LENGTH 16384u

static unsigned char sectors[LENGTH] __attribute__((aligned(SPRY_PAGE_SIZE)));

static void read_into(volatile unsigned char *bytes) {
  for (size_t i = 0; i < LENGTH; i++) CHECK(bytes[i] == 0);
  CHECK(spry_block_read(&disk, 0, (void *)(uintptr_t)bytes, LENGTH) == 0);
}

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  spry_ready();
  read_into(at(address_of(sectors)));
  read_into(at(spry_boot_page()->heap_start + (1u << 20)));
  uint64_t sum = 0;
  for (size_t i = 0; i < LENGTH; i++) sum = sum * 31 + *at(address_of(&sectors[i]));
  spry_printf((int)SPRY_STREAM_OUTPUT, "%016lx\n", sum);
  return 0;
}
