/* Disks: each call is a hypercall. */
#include "spry/block.h"

static int64_t call(const struct spry_device *disk, uint64_t operation, uint64_t a, uint64_t b, uint64_t c) {
  return spry_hypercall(SPRY_CALL_DEVICE, spry_handle(disk), operation, a, b, c);
}

/* What a read or write returns: a transfer that is neither an error nor complete counts as SPRY_EIO. */
static int transferred(int64_t result, size_t length) {
  if (result >= 0 && (uint64_t)result != length) {
    return -SPRY_EIO;
  }
  return result < 0 ? (int)result : 0;
}

int spry_block_info(const struct spry_device *disk, struct spry_block_info *info) {
  return (int)call(disk, SPRY_BLOCK_INFO, (uintptr_t)info, 0, 0);
}

int spry_block_read(const struct spry_device *disk, uint64_t offset, void *bytes, size_t length) {
  return transferred(call(disk, SPRY_BLOCK_READ, offset, (uintptr_t)bytes, length), length);
}

int spry_block_write(const struct spry_device *disk, uint64_t offset, const void *bytes, size_t length) {
  return transferred(call(disk, SPRY_BLOCK_WRITE, offset, (uintptr_t)bytes, length), length);
}

int spry_block_flush(const struct spry_device *disk) { return (int)call(disk, SPRY_BLOCK_FLUSH, 0, 0, 0); }

int spry_block_discard(const struct spry_device *disk, uint64_t offset, uint64_t length) {
  return (int)call(disk, SPRY_BLOCK_DISCARD, offset, length, 0);
}
