/* A random generator with fast key erasure: each request's first key stream bytes replace the key, so that a state
 * that leaks says nothing of what was handed out before. */
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

/* Mixes a seed in: who does not know both the seed and the state before does not know the state after. */
void spry_random_mix(struct spry_random *generator, const uint8_t seed[32]);

void spry_random_fill(struct spry_random *generator, void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
