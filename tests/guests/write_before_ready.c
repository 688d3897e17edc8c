/* Writes to its disk before `ready`: what an overlay then holds belongs to no snapshot. */
#include "spry/block.h"
#include "spry/guest.h"

SPRY_BLOCK(disk);

int spry_main(int argc, char **argv) {
  (void)argc, (void)argv;
  static unsigned char sector[512] = {1};
  if (spry_block_write(&disk, 0, sector, sizeof(sector)) < 0) {
    return 1;
  }
  spry_ready();
  return 0;
}
