// stream read|write|flush KIB: reads or writes the disk `disk` once, from its beginning to its end, KIB KiB in each
// call. `flush` writes and then flushes.
#include <spry/block.h>
#include <string.h>

SPRY_BLOCK(disk);

enum { kLargest = 1 << 20 };

_Alignas(4096) static char bytes[kLargest];

int spry_main(int argc, char **argv) {
  size_t size = 0;
  for (const char *digit = argc == 3 ? argv[2] : ""; *digit != '\0'; digit++) {
    size = 10 * size + (size_t)(*digit - '0');
  }
  size <<= 10;
  struct spry_block_info info;
  if (size == 0 || size > kLargest || spry_block_info(&disk, &info) != 0 || info.capacity % size != 0) {
    spry_abort("usage: stream read|write|flush KIB, of which the disk is a multiple");
  }
  int reads = strcmp(argv[1], "read") == 0;
  for (uint64_t offset = 0; offset < info.capacity; offset += size) {
    int error = reads ? spry_block_read(&disk, offset, bytes, size) : spry_block_write(&disk, offset, bytes, size);
    if (error != 0) {
      spry_abort("a transfer failed");
    }
  }
  if (strcmp(argv[1], "flush") == 0 && spry_block_flush(&disk) != 0) {
    spry_abort("the flush failed");
  }
  return 0;
}
