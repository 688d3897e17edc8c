// Copies the disk `from` to the disk `to`, which has at least its size, and flushes. The argument is the size of a
// piece in KiB.
#include <spry/block.h>
#include <stdlib.h>

SPRY_BLOCK(from);
SPRY_BLOCK(to);

static void check(int error, const char *message) {
  if (error != 0) {
    spry_printf(SPRY_STREAM_DIAGNOSTICS, "error %d\n", error);
    spry_abort(message);
  }
}

int spry_main(int argc, char **argv) {
  uint64_t size = 0;
  for (const char *digit = argc > 1 ? argv[1] : "256"; *digit != '\0'; digit++) {
    size = 10 * size + (uint64_t)(*digit - '0');
  }
  size <<= 10;
  void *piece = malloc(size);
  struct spry_block_info source;
  struct spry_block_info target;
  check(spry_block_info(&from, &source), "info of from");
  check(spry_block_info(&to, &target), "info of to");
  if (piece == NULL || target.capacity < source.capacity) {
    spry_abort("no room");
  }
  for (uint64_t offset = 0; offset < source.capacity; offset += size) {
    uint64_t length = source.capacity - offset < size ? source.capacity - offset : size;
    check(spry_block_read(&from, offset, piece, length), "read");
    check(spry_block_write(&to, offset, piece, length), "write");
  }
  check(spry_block_flush(&to), "flush");
  spry_printf(SPRY_STREAM_OUTPUT, "%llu\n", (unsigned long long)source.capacity);
  return 0;
}
