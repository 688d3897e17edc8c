// Writes its number into each sector of the disk `disk`, one by one: 511 digits and a line feed, so that the disk reads
// as a list. After each hundred it flushes and says how many sectors are durable. With the argument `unflushed` it says
// so without flushing: the lie that tests/kvm/durability must find out.
#include <spry/block.h>
#include <string.h>

SPRY_BLOCK(disk);

enum { kSector = 512, kHundred = 100 };

static void write_sector(uint64_t number) {
  static char text[kSector];
  memset(text, '0', sizeof text);
  text[kSector - 1] = '\n';
  uint64_t rest = number;
  for (unsigned i = kSector - 2; rest != 0; i--) {
    text[i] = (char)('0' + rest % 10);
    rest /= 10;
  }
  if (spry_block_write(&disk, number * kSector, text, sizeof text) != 0) {
    spry_abort("a write failed");
  }
}

int spry_main(int argc, char **argv) {
  int flushes = argc < 2 || strcmp(argv[1], "unflushed") != 0;
  struct spry_block_info info;
  if (spry_block_info(&disk, &info) != 0) {
    spry_abort("no information");
  }
  for (uint64_t number = 0; number < info.capacity / kSector; number++) {
    write_sector(number);
    if ((number + 1) % kHundred == 0) {
      if (flushes && spry_block_flush(&disk) != 0) {
        spry_abort("a flush failed");
      }
      spry_printf(SPRY_STREAM_OUTPUT, "durable %llu\n", (unsigned long long)(number + 1));
      spry_flush();
    }
  }
  return 0;
}
