/* A random generator with fast key erasure: the first bytes of each request's key stream replace the key. So a state
 * that leaks tells nothing about bytes that were handed out before. */
#ifndef SPRY_RUNTIME_RANDOM_H
#define SPRY_RUNTIME_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "chacha20.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All zero before its first seed. */
struct spry_random {
  uint32_t key[CHACHA20_KEY_WORDS];
};

/* Mixes a seed in. To know the new state, one must know both the seed and the old state. */
void spry_random_mix(struct spry_random *generator, const uint8_t seed[32]);

void spry_random_fill(struct spry_random *generator, void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
