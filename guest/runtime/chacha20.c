/* RFC 8439, sections 2.1 to 2.3. x86-64 is little-endian, as the words of the algorithm are. */
#include "chacha20.h"

static uint32_t rotate_left(uint32_t word, unsigned count) { return word << count | word >> (32 - count); }

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
  *a += *b;
  *d = rotate_left(*d ^ *a, 16);
  *c += *d;
  *b = rotate_left(*b ^ *c, 12);
  *a += *b;
  *d = rotate_left(*d ^ *a, 8);
  *c += *d;
  *b = rotate_left(*b ^ *c, 7);
}

void spry_chacha20_block(uint32_t block[CHACHA20_BLOCK_WORDS], const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter,
                         const uint32_t nonce[3]) {
  /* "expand 32-byte k" */
  const uint32_t state[CHACHA20_BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1],
                                                key[2],     key[3],     key[4],     key[5],     key[6], key[7],
                                                counter,    nonce[0],   nonce[1],   nonce[2]};
  uint32_t x[CHACHA20_BLOCK_WORDS];
  for (int i = 0; i < CHACHA20_BLOCK_WORDS; i++) {
    x[i] = state[i];
  }
  for (int double_round = 0; double_round < 10; double_round++) {
    quarter_round(&x[0], &x[4], &x[8], &x[12]);
    quarter_round(&x[1], &x[5], &x[9], &x[13]);
    quarter_round(&x[2], &x[6], &x[10], &x[14]);
    quarter_round(&x[3], &x[7], &x[11], &x[15]);
    quarter_round(&x[0], &x[5], &x[10], &x[15]);
    quarter_round(&x[1], &x[6], &x[11], &x[12]);
    quarter_round(&x[2], &x[7], &x[8], &x[13]);
    quarter_round(&x[3], &x[4], &x[9], &x[14]);
  }
  for (int i = 0; i < CHACHA20_BLOCK_WORDS; i++) {
    block[i] = x[i] + state[i];
  }
}
