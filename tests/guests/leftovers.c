/* What may outlive an action beside memory and registers. "leave": a large input, output that waits in the console's
 * shared area, written sectors of a disk. "abort": the same, ended at once. "look": none of it is there. "wait": ends
 * when somebody else has written the disk's first sector. */
#include "guest_case.h"
#include "spry/block.h"

SPRY_BLOCK(disk);

#define SPAN (4u << 20) /* of the largest input */
#define SECTOR 512u

static unsigned char sectors[8 * SECTOR] __attribute__((aligned(SPRY_PAGE_SIZE)));

static int is(struct spry_bytes input, const char *word) {
  return input.length >= strlen(word) && memcmp(input.data, word, strlen(word)) == 0;
}

static void look(struct spry_bytes input) {
  const uint64_t start = address_of(input.data);
  for (uint64_t at_word = (start + input.length + 7) & ~7ull; at_word < start + SPAN; at_word += 8) {
    if (*(volatile uint64_t *)(uintptr_t)at_word != 0) spry_abort("an earlier input is there");
  }
  CHECK(spry_block_read(&disk, 0, sectors, sizeof sectors) == 0);
  for (size_t i = 0; i < sizeof sectors; i++) {
    if (sectors[i] != 'd') spry_abort(sectors[i] == 0 ? "a sector is zeros" : "an earlier action's sector is there");
  }
  say("clean\n");
}

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  /* The console's area lies in the stack's last page: what is below this does not write to it. */
  unsigned char deep[2 * SPRY_PAGE_SIZE];
  __asm__ volatile("" : : "r"(deep) : "memory");
  say("banner, "); /* waits in the shared area */
  spry_ready();
  const struct spry_bytes input = spry_input();
  if (is(input, "look")) {
    look(input);
  } else if (is(input, "wait")) {
    do CHECK(spry_block_read(&disk, 0, sectors, SECTOR) == 0);
    while (sectors[0] != 'g');
    say("waited\n");
  } else {
    memset(sectors, 'X', sizeof sectors);
    CHECK(spry_block_write(&disk, 0, sectors, sizeof sectors) == 0);
    CHECK(spry_block_discard(&disk, 4 * SECTOR, SECTOR) == 0);
    CHECK(spry_block_flush(&disk) == 0);
    if (is(input, "abort")) spry_hypercall(SPRY_CALL_ABORT, address_of("left"), 4, 0, 0, 0);
    say("left");
  }
  return 0;
}
