/* The heap: grows over all of the machine's memory as it is touched, says when it is full, realloc and alignment. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "guest_case.h"

#define MIB (1u << 20)

#define UNKNOWN(number) ((size_t)(uintptr_t)opaque((void *)(uintptr_t)(number))) /* to the compiler */

static void *opaque(void *memory) {
  __asm__("" : "+r"(memory));
  return memory;
}

/* Writes and reads a word at every `stride` bytes of a block that is nearly all of the heap, from its end to its
 * beginning: the first touch is the farthest. */
static void touch_all(size_t stride) {
  const struct spry_boot *boot = spry_boot_page();
  size_t size = (boot->heap_end - boot->heap_start) / 16 * 15;
  unsigned char *block = malloc(size);
  CHECK(block != NULL);
  for (size_t offset = size / stride * stride; offset != 0; offset -= stride) {
    uint64_t *word = opaque(block + offset - 64);
    CHECK(*word == 0);
    *word = offset;
  }
  for (size_t offset = stride; offset <= size; offset += stride) {
    CHECK(*(uint64_t *)opaque(block + offset - 64) == offset);
  }
  free(block);
}

static void grow(void) { touch_all(64u << 10); }
static void grow_far(void) { touch_all(4 * MIB); }

static void exhaust(void) {
  const struct spry_boot *boot = spry_boot_page();
  size_t size = boot->heap_end - boot->heap_start;
  CHECK(malloc(size + 1) == NULL && malloc(UNKNOWN(SIZE_MAX)) == NULL && malloc(UNKNOWN(SIZE_MAX - 100)) == NULL);
  CHECK(calloc(UNKNOWN((size_t)1 << 32), (size_t)1 << 32) == NULL);
  void **list = NULL;
  size_t count = 0;
  for (void **block; (block = malloc(MIB)) != NULL; count++) {
    *block = list;
    list = block;
  }
  CHECK(count >= size / MIB - 2);
  /* The allocation that failed has broken nothing: small blocks can still be had, and all blocks can be freed. */
  void *small = malloc(100);
  CHECK(small != NULL && realloc(small, 2 * MIB) == NULL);
  free(small);
  while (list != NULL) {
    void **next = *list;
    free(list);
    list = next;
    count--;
  }
  CHECK(count == 0);
  void *most = malloc(size - MIB);
  CHECK(most != NULL);
  free(most);
}

static void reallocate(void) {
  unsigned char *bytes = malloc(10);
  for (unsigned i = 0; i < 10; i++) bytes[i] = (unsigned char)i;
  for (size_t size = 20; size < 4 * MIB; size *= 3) {
    void *between = malloc(50);
    bytes = realloc(bytes, size);
    CHECK(bytes != NULL && malloc_usable_size(bytes) >= size);
    for (unsigned i = 0; i < 10; i++) CHECK(bytes[i] == i);
    bytes[size - 1] = 1;
    free(between);
  }
  bytes = realloc(bytes, 5);
  for (unsigned i = 0; i < 5; i++) CHECK(bytes[i] == i);
  free(bytes);
  free(NULL);
  void *empty = malloc(0);
  free(empty);
}

static void aligned(void) {
  void *blocks[17];
  for (unsigned i = 0; i < 17; i++) {
    blocks[i] = aligned_alloc((size_t)16 << i, 100);
    CHECK(blocks[i] != NULL && address_of(blocks[i]) % (16u << i) == 0);
    memset(blocks[i], 0xff, 100);
  }
  for (unsigned i = 0; i < 17; i++) free(blocks[i]);
  void *block = NULL;
  CHECK(posix_memalign(&block, 4096, 1) == 0 && address_of(block) % 4096 == 0);
  CHECK(posix_memalign(&block, 3, 1) == EINVAL);
  /* Memory that was used and freed is not zero by itself; calloc's is. */
  for (unsigned i = 0; i < 100; i++) {
    unsigned char *zeroed = calloc(10, 100);
    for (unsigned j = 0; j < 1000; j++) CHECK(zeroed[j] == 0);
    memset(zeroed, 0xff, 1000);
    if (i % 2 == 0) free(zeroed);
  }
}

/* The monitor can use memory that was never touched: it reads zeros there, and can write. */
static void untouched(void) {
  uint64_t far = spry_boot_page()->heap_end - 8192;
  CHECK(spry_hypercall(SPRY_CALL_POLL, 0, far + 4096, 0, 0, 0) == 0);
  CHECK(spry_hypercall(SPRY_CALL_DEVICE, SPRY_HANDLE_CONSOLE, SPRY_CONSOLE_WRITE, SPRY_STREAM_OUTPUT, far, 8192) ==
        8192);
  CHECK(*at(far) == 0);
  write_at(far + 8191);
}

static void twice_freed(void) {
  void *block = malloc(100);
  void *same = opaque(block);
  free(block);
  free(same);
}

static const struct guest_case cases[] = {
    CASE(grow), CASE(grow_far), CASE(exhaust), CASE(reallocate), CASE(aligned), CASE(untouched), CASE(twice_freed),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
