#include "sha256.h"

#include <string.h>

// FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate_right(uint32_t word, unsigned count) { return word >> count | word << (32 - count); }

static uint32_t load_big_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store_big_endian(unsigned char *bytes, uint32_t word) {
  for (unsigned i = 0; i < 4; i++) {
    bytes[i] = (unsigned char)(word >> (24 - 8 * i));
  }
}

// FIPS 180-4, 6.2.2.
static void compress(uint32_t state[8], const unsigned char *block) {
  uint32_t w[64];
  for (unsigned t = 0; t < 16; t++) {
    w[t] = load_big_endian(block + 4 * t);
  }
  for (unsigned t = 16; t < 64; t++) {
    uint32_t s0 = rotate_right(w[t - 15], 7) ^ rotate_right(w[t - 15], 18) ^ w[t - 15] >> 3;
    uint32_t s1 = rotate_right(w[t - 2], 17) ^ rotate_right(w[t - 2], 19) ^ w[t - 2] >> 10;
    w[t] = s1 + w[t - 7] + s0 + w[t - 16];
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (unsigned t = 0; t < 64; t++) {
    uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
    uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + K[t] + w[t];
    uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
    uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

void sha256_begin(struct Sha256 *hash) {
  // FIPS 180-4, 5.3.3.
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, initial, sizeof initial);
  hash->length = 0;
}

void sha256_add(struct Sha256 *hash, const unsigned char *bytes, size_t length) {
  size_t held = hash->length % 64;
  hash->length += length;
  if (held != 0) {
    size_t taken = length < 64 - held ? length : 64 - held;
    memcpy(hash->block + held, bytes, taken);
    bytes += taken;
    length -= taken;
    if (held + taken < 64) {
      return;
    }
    compress(hash->state, hash->block);
  }
  for (; length >= 64; length -= 64) {
    compress(hash->state, bytes);
    bytes += 64;
  }
  memcpy(hash->block, bytes, length);
}

// FIPS 180-4, 5.1.1: a one bit, zeros, and the length in bits.
void sha256_end(struct Sha256 *hash, unsigned char digest[32]) {
  unsigned char padding[72] = {0x80};
  uint64_t bits = 8 * hash->length;
  size_t zeros = (119 - hash->length % 64) % 64;
  store_big_endian(padding + 1 + zeros, (uint32_t)(bits >> 32));
  store_big_endian(padding + 5 + zeros, (uint32_t)bits);
  sha256_add(hash, padding, 9 + zeros);
  for (unsigned i = 0; i < 8; i++) {
    store_big_endian(digest + 4 * i, hash->state[i]);
  }
}
