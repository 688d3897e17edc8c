// Writes a pattern over the whole disk `disk`, flushes, reads it back, and prints the SHA-256 of what it read, as
// sha256sum prints it for the disk's file. Everything on the disk is lost.
#include <spry/block.h>

#include "sha256.h"

SPRY_BLOCK(disk);

enum { kPiece = 256 << 10 };

_Alignas(4096) static uint64_t piece[kPiece / 8];

// The pattern's word at a place of the disk: SplitMix64's finalizer of the place.
static uint64_t pattern(uint64_t word) {
  word = (word + 1) * 0x9e3779b97f4a7c15u;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
  word = (word ^ word >> 27) * 0x94d049bb133111ebu;
  return word ^ word >> 31;
}

static void complain(const char *what, uint64_t offset, int error) {
  spry_printf(SPRY_STREAM_DIAGNOSTICS, "diskcheck: %s at %llu: error %d\n", what, (unsigned long long)offset, -error);
  spry_exit(1);
}

static size_t size_at(uint64_t offset, uint64_t capacity) {
  return capacity - offset < sizeof piece ? (size_t)(capacity - offset) : sizeof piece;
}

static void write_all(uint64_t capacity) {
  for (uint64_t offset = 0; offset < capacity; offset += sizeof piece) {
    size_t size = size_at(offset, capacity);
    for (size_t i = 0; i < size / 8; i++) {
      piece[i] = pattern(offset / 8 + i);
    }
    int error = spry_block_write(&disk, offset, piece, size);
    if (error != 0) {
      complain("write", offset, error);
    }
  }
}

static void read_all(uint64_t capacity, struct Sha256 *hash) {
  for (uint64_t offset = 0; offset < capacity; offset += sizeof piece) {
    size_t size = size_at(offset, capacity);
    int error = spry_block_read(&disk, offset, piece, size);
    if (error != 0) {
      complain("read", offset, error);
    }
    for (size_t i = 0; i < size / 8; i++) {
      if (piece[i] != pattern(offset / 8 + i)) {
        spry_printf(SPRY_STREAM_DIAGNOSTICS, "diskcheck: at %llu there is not what was written\n",
                    (unsigned long long)(offset + 8 * i));
        spry_exit(1);
      }
    }
    sha256_add(hash, (const unsigned char *)piece, size);
  }
}

int spry_main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  struct spry_block_info info;
  int error = spry_block_info(&disk, &info);
  if (error != 0) {
    complain("info", 0, error);
  }
  write_all(info.capacity);
  error = spry_block_flush(&disk);
  if (error != 0) {
    complain("flush", 0, error);
  }
  struct Sha256 hash;
  sha256_begin(&hash);
  read_all(info.capacity, &hash);
  unsigned char digest[32];
  sha256_end(&hash, digest);
  for (unsigned i = 0; i < sizeof digest; i++) {
    spry_printf(SPRY_STREAM_OUTPUT, "%02x", digest[i]);
  }
  spry_puts(SPRY_STREAM_OUTPUT, "\n");
  return 0;
}
