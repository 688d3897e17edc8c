// SHA-256 (FIPS 180-4).
#pragma once

#include <stddef.h>
#include <stdint.h>

struct Sha256 {
  uint32_t state[8];
  uint64_t length;          // bytes so far
  unsigned char block[64];  // the last length % 64 of them
};

void sha256_begin(struct Sha256 *hash);
void sha256_add(struct Sha256 *hash, const unsigned char *bytes, size_t length);
void sha256_end(struct Sha256 *hash, unsigned char digest[32]);
