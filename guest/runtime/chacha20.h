/* The ChaCha20 block function (RFC 8439, section 2.3). */
#ifndef SPRY_RUNTIME_CHACHA20_H
#define SPRY_RUNTIME_CHACHA20_H

#include <stdint.h>

#define CHACHA20_KEY_WORDS 8
#define CHACHA20_BLOCK_WORDS 16

#ifdef __cplusplus
extern "C" {
#endif

/* The key stream block number `counter` under a key and a nonce, all as little-endian words. */
void spry_chacha20_block(uint32_t block[CHACHA20_BLOCK_WORDS], const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter,
                         const uint32_t nonce[3]);

#ifdef __cplusplus
}
#endif

#endif
