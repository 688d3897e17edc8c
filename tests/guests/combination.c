/* All that an action can see of how its machine was made: what was said and computed before `ready`, a disk's constants
 * and sectors, the input, and the zeros behind it. If the input begins with '!', the guest reads far behind its end. */
#include <stdlib.h>

#include "guest_case.h"
#include "spry/block.h"

SPRY_BLOCK(disk);

#define STATE (64u << 10)
#define FAR (16u << 20)

static uint64_t sum(const unsigned char *bytes, size_t length) {
  uint64_t result = length;
  for (size_t i = 0; i < length; i++) result = (result ^ bytes[i]) * 0x100000001b3;
  return result;
}

static struct spry_block_info info(void) {
  struct spry_block_info now;
  CHECK(spry_block_info(&disk, &now) == 0);
  return now;
}

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  static unsigned char sector[4096];
  static unsigned actions;
  unsigned char *state = malloc(STATE);
  CHECK(state != NULL);
  for (size_t i = 0; i < STATE; i++) state[i] = (unsigned char)(i * i >> 3);
  const struct spry_block_info before = info();
  spry_puts((int)SPRY_STREAM_DIAGNOSTICS, "diagnosed\n");
  say("before, "); /* waits in the shared area */
  spry_ready();
  actions++;
  const struct spry_bytes input = spry_input();
  const uint64_t end = (address_of(input.data) + input.length + SPRY_PAGE_SIZE - 1) / SPRY_PAGE_SIZE * SPRY_PAGE_SIZE;
  if (input.length != 0 && input.data[0] == '!') read_at(address_of(input.data) + FAR);
  for (uint64_t at_end = address_of(input.data) + input.length; at_end < end; at_end++) CHECK(*at(at_end) == 0);
  const struct spry_block_info now = info();
  CHECK(now.capacity == before.capacity && now.sector_size == before.sector_size);
  CHECK(spry_block_read(&disk, now.capacity - sizeof sector, sector, sizeof sector) == 0);
  spry_printf((int)SPRY_STREAM_OUTPUT, "action %u, input %lu %016lx, disk %lu %u %016lx, state %016lx\n", actions,
              input.length, sum(input.data, input.length), now.capacity, now.sector_size, sum(sector, sizeof sector),
              sum(state, STATE));
  free(state);
  return 3;
}
