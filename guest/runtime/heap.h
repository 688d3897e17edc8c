/* A heap in one range of memory: the two-level segregated fit of Masmano, Ripoll, Crespo and Real ("TLSF: A New Dynamic
 * Memory Allocator for Real-Time Systems", ECRTS 2004). Blocks lie below a top, which grows on demand, so that memory
 * above the highest top is never touched. All operations take constant time, but for copying and clearing contents. */
#ifndef SPRY_RUNTIME_HEAP_H
#define SPRY_RUNTIME_HEAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEAP_ALIGNMENT 16u
#define HEAP_CLASS_ROWS 48u
#define HEAP_CLASS_COLUMNS 16u

struct heap_block;

/* All zero means: no memory yet. */
struct heap {
  uintptr_t start;
  uintptr_t end;
  uintptr_t top;      /* blocks lie in [start, top) without a gap */
  uintptr_t touched;  /* memory from here on was never handed out, and is zero */
  uint64_t last_size; /* bytes of the block before top, or 0 */
  uint64_t used_rows; /* bit r: some list of row r is not empty */
  uint32_t used_columns[HEAP_CLASS_ROWS];
  struct heap_block *free_lists[HEAP_CLASS_ROWS][HEAP_CLASS_COLUMNS];
};

/* Gives [start, end) to an all-zero heap. The memory must be zero; this call touches none of it. */
void heap_initialize(struct heap *heap, uintptr_t start, uintptr_t end);

/* Returns at least `size` bytes at a multiple of `alignment`, which is a power of two; null if there is no room. */
void *heap_allocate(struct heap *heap, size_t size, size_t alignment);

/* Returns at least `size` bytes at a multiple of HEAP_ALIGNMENT, of which `size` are zero; null if there is no room. */
void *heap_allocate_zeroed(struct heap *heap, size_t size);

/* Changes the size of memory that heap_allocate returned, and moves it if necessary. Returns null, and changes nothing,
 * if there is no room. */
void *heap_reallocate(struct heap *heap, void *memory, size_t size);

void heap_free(struct heap *heap, void *memory);

/* Bytes that may be used at `memory`. */
size_t heap_usable_size(const struct heap *heap, const void *memory);

/* Ends the program, because memory that is not the heap's was given back, or because the heap's records were
 * overwritten. The user of the heap defines this function. */
__attribute__((noreturn)) void heap_corrupt(const char *message);

#ifdef __cplusplus
}
#endif

#endif
