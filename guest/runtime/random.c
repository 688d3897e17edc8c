#include "random.h"

#include <string.h>

/* Nonces that keep three uses of the block function apart; spry_random_fill uses {0, 0, 0}. */
static const uint32_t kMixSeed[3] = {1, 0, 0};
static const uint32_t kMixState[3] = {2, 0, 0};

static void wipe(void *bytes, size_t length) {
  memset(bytes, 0, length);
  __asm__ volatile("" : : "r"(bytes) : "memory"); /* so that the compiler keeps the stores */
}

void spry_random_mix(struct spry_random *generator, const uint8_t seed[32]) {
  uint32_t seed_words[CHACHA20_KEY_WORDS];
  uint32_t from_seed[CHACHA20_BLOCK_WORDS], from_state[CHACHA20_BLOCK_WORDS];
  memcpy(seed_words, seed, sizeof(seed_words));
  spry_chacha20_block(from_seed, seed_words, 0, kMixSeed);
  spry_chacha20_block(from_state, generator->key, 0, kMixState);
  for (int i = 0; i < CHACHA20_KEY_WORDS; i++) {
    generator->key[i] = from_seed[i] ^ from_state[i];
  }
  wipe(seed_words, sizeof(seed_words));
  wipe(from_seed, sizeof(from_seed));
  wipe(from_state, sizeof(from_state));
}

void spry_random_fill(struct spry_random *generator, void *bytes, size_t length) {
  unsigned char *to = bytes;
  uint32_t key[CHACHA20_KEY_WORDS];
  uint32_t block[CHACHA20_BLOCK_WORDS];
  uint32_t nonce[3] = {0, 0, 0};
  uint32_t counter = 0;
  memcpy(key, generator->key, sizeof(key));
  spry_chacha20_block(block, key, counter, nonce);
  memcpy(generator->key, block, sizeof(key));
  /* The first block begins with the next key; the rest of it is handed out. */
  size_t offset = sizeof(key);
  for (;;) {
    size_t part = sizeof(block) - offset < length ? sizeof(block) - offset : length;
    memcpy(to, (unsigned char *)block + offset, part);
    to += part;
    length -= part;
    if (length == 0) {
      break;
    }
    offset = 0;
    if (++counter == 0) {
      nonce[2]++; /* after 256 GiB */
    }
    spry_chacha20_block(block, key, counter, nonce);
  }
  wipe(key, sizeof(key));
  wipe(block, sizeof(block));
}
