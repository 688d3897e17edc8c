/* Disks. SPRY_BLOCK(data); at file scope declares the disk that `spry run --block data=FILE` attaches. &data is then
 * what the calls below take. The disk's name is made of a-z, 0-9 and _.
 *
 * Calls return 0 or a negated error number (abi.h): SPRY_EINVAL if offset and length are not whole sectors of this
 * disk, SPRY_EFAULT for memory that the program may not read or write, SPRY_EROFS if the disk is read-only, SPRY_ENOSPC
 * if the host has no room for what is written, SPRY_EIO if the host's device fails. After an error any part of a
 * transfer may have been done. */
#ifndef SPRY_BLOCK_H
#define SPRY_BLOCK_H

#include "spry/guest.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPRY_BLOCK(name) SPRY_DEVICE(name, "block", #name)

int spry_block_info(const struct spry_device *disk, struct spry_block_info *info);

/* Reads or writes any number of sectors, at least one: offset and length are in bytes, and multiples of the sector
 * size. */
int spry_block_read(const struct spry_device *disk, uint64_t offset, void *bytes, size_t length);
int spry_block_write(const struct spry_device *disk, uint64_t offset, const void *bytes, size_t length);

/* Makes durable what was written before: when this returns 0, it is. If it fails, some of that may be lost, and every
 * later flush fails too. */
int spry_block_flush(const struct spry_device *disk);

/* Tells the host that these sectors are not needed any more: until they are written again, they may hold anything.
 * SPRY_EOPNOTSUPP if the disk cannot make use of that. */
int spry_block_discard(const struct spry_device *disk, uint64_t offset, uint64_t length);

#ifdef __cplusplus
}
#endif

#endif
