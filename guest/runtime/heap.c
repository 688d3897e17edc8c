#include "heap.h"

#include <stdbool.h>
#include <string.h>

/* The header in front of each piece of memory. Sizes are multiples of HEAP_ALIGNMENT and include the header. They lead
 * from each block to both its neighbours. Each size is stored twice, so that overwritten headers are found. */
struct heap_block {
  uint64_t previous_size; /* of the block before this one, or 0 at the start */
  uint64_t size_and_used;
  struct heap_block *next_free; /* the rest is the user's while the block is used */
  struct heap_block *previous_free;
};

#define USED 1u
#define HEADER_SIZE 16u
#define BLOCK_MIN sizeof(struct heap_block)

/* Row 0 holds sizes below 256 in steps of 16; row r > 0 those from 2^(r+7), in 16 steps. */
#define FIRST_ROW_BITS 8u
#define COLUMN_BITS 4u

struct size_class {
  unsigned row;
  unsigned column;
};

static uint64_t block_size(const struct heap_block *block) { return block->size_and_used & ~(uint64_t)USED; }
static bool is_used(const struct heap_block *block) { return (block->size_and_used & USED) != 0; }

static struct heap_block *block_at(uintptr_t address) { return (struct heap_block *)address; }
static uintptr_t end_of(const struct heap_block *block) { return (uintptr_t)block + block_size(block); }
static void *memory_of(struct heap_block *block) { return (unsigned char *)block + HEADER_SIZE; }

static struct size_class class_of(uint64_t size) {
  if (size < 1u << FIRST_ROW_BITS) {
    return (struct size_class){0, (unsigned)(size / HEAP_ALIGNMENT)};
  }
  unsigned bits = 63 - (unsigned)__builtin_clzll(size);
  return (struct size_class){bits - FIRST_ROW_BITS + 1,
                             (unsigned)(size >> (bits - COLUMN_BITS)) & (HEAP_CLASS_COLUMNS - 1)};
}

/* The size of a block that has `size` bytes for the user, or 0 if no heap can have such a block. */
static uint64_t block_size_for(size_t size) {
  if (size > PTRDIFF_MAX - 2 * HEADER_SIZE) {
    return 0;
  }
  uint64_t rounded = (size + HEADER_SIZE + HEAP_ALIGNMENT - 1) & ~(uint64_t)(HEAP_ALIGNMENT - 1);
  return rounded < BLOCK_MIN ? BLOCK_MIN : rounded;
}

/* --- the lists of free blocks --- */

static void insert_free(struct heap *heap, struct heap_block *block) {
  struct size_class class = class_of(block_size(block));
  struct heap_block *head = heap->free_lists[class.row][class.column];
  block->next_free = head;
  block->previous_free = NULL;
  if (head != NULL) {
    head->previous_free = block;
  }
  heap->free_lists[class.row][class.column] = block;
  heap->used_rows |= (uint64_t)1 << class.row;
  heap->used_columns[class.row] |= 1u << class.column;
}

/* Whether a link of a free list is sound: null or a place in the heap. */
static bool is_link(const struct heap *heap, const struct heap_block *block) {
  uintptr_t address = (uintptr_t)block;
  return block == NULL || (address >= heap->start && address < heap->top && address % HEAP_ALIGNMENT == 0);
}

static void remove_free(struct heap *heap, struct heap_block *block) {
  struct size_class class = class_of(block_size(block));
  struct heap_block **head = &heap->free_lists[class.row][class.column];
  struct heap_block *next = block->next_free, *previous = block->previous_free;
  if (!is_link(heap, next) || !is_link(heap, previous) || (previous == NULL ? *head : previous->next_free) != block ||
      (next != NULL && next->previous_free != block)) {
    heap_corrupt("heap corruption: memory was written after it was freed");
  }
  if (next != NULL) {
    next->previous_free = previous;
  }
  if (previous != NULL) {
    previous->next_free = next;
    return;
  }
  *head = next;
  if (next == NULL) {
    heap->used_columns[class.row] &= ~(1u << class.column);
    if (heap->used_columns[class.row] == 0) {
      heap->used_rows &= ~((uint64_t)1 << class.row);
    }
  }
}

/* A free block of at least `size` bytes, taken out of its list, or null. `size` is rounded up to the least size of a
 * class, so that every block of that class is large enough (TLSF's good fit). */
static struct heap_block *take_free(struct heap *heap, uint64_t size) {
  uint64_t rounded = size;
  if (size >= 1u << FIRST_ROW_BITS) {
    rounded += ((uint64_t)1 << (63 - (unsigned)__builtin_clzll(size) - COLUMN_BITS)) - 1;
  }
  struct size_class class = class_of(rounded);
  if (class.row >= HEAP_CLASS_ROWS) {
    return NULL;
  }
  uint32_t columns = heap->used_columns[class.row] & (~0u << class.column);
  if (columns == 0) {
    uint64_t rows = heap->used_rows & (~(uint64_t)1 << class.row);
    if (rows == 0) {
      return NULL;
    }
    class.row = (unsigned)__builtin_ctzll(rows);
    columns = heap->used_columns[class.row];
  }
  struct heap_block *block = heap->free_lists[class.row][__builtin_ctz(columns)];
  remove_free(heap, block);
  return block;
}

/* --- the chain of neighbours --- */

static uint64_t *previous_size_after(struct heap *heap, const struct heap_block *block) {
  uintptr_t end = end_of(block);
  return end == heap->top ? &heap->last_size : &block_at(end)->previous_size;
}

static void set_block(struct heap *heap, struct heap_block *block, uint64_t size, bool used) {
  block->size_and_used = size | (used ? USED : 0);
  *previous_size_after(heap, block) = size;
}

/* Frees a block that is in no list: joins it with free neighbours, and puts it into a list or lowers the top. */
static void release(struct heap *heap, struct heap_block *block) {
  uint64_t size = block_size(block);
  block->size_and_used = size; /* so that a second free is noticed, even if this header is inside another block then */
  if (end_of(block) != heap->top && !is_used(block_at(end_of(block)))) {
    struct heap_block *next = block_at(end_of(block));
    remove_free(heap, next);
    size += block_size(next);
  }
  if (block->previous_size != 0) {
    struct heap_block *previous = block_at((uintptr_t)block - block->previous_size);
    if (!is_used(previous)) {
      remove_free(heap, previous);
      size += block_size(previous);
      block = previous;
    }
  }
  if ((uintptr_t)block + size == heap->top) {
    heap->top = (uintptr_t)block;
    heap->last_size = block->previous_size;
    return;
  }
  set_block(heap, block, size, false);
  insert_free(heap, block);
}

/* Cuts a used block to `size` bytes and releases the rest, if that is enough for a block. */
static void trim(struct heap *heap, struct heap_block *block, uint64_t size) {
  uint64_t rest = block_size(block) - size;
  if (rest < BLOCK_MIN) {
    return;
  }
  struct heap_block *tail = block_at((uintptr_t)block + size);
  tail->size_and_used = rest | USED;
  block->size_and_used = size | USED;
  tail->previous_size = size;
  *previous_size_after(heap, tail) = rest;
  release(heap, tail);
}

/* Moves the top up by `size` bytes, if there is room. */
static bool raise_top(struct heap *heap, uint64_t size) {
  if (size > heap->end - heap->top) {
    return false;
  }
  heap->top += size;
  if (heap->top > heap->touched) {
    heap->touched = heap->top;
  }
  return true;
}

static struct heap_block *take_top(struct heap *heap, uint64_t size) {
  struct heap_block *block = block_at(heap->top);
  if (!raise_top(heap, size)) {
    return NULL;
  }
  block->previous_size = heap->last_size;
  heap->last_size = size;
  block->size_and_used = size | USED;
  return block;
}

/* The used block of a piece of memory; ends the program if there is no such block. */
static struct heap_block *checked_block(const struct heap *heap, const void *memory) {
  uintptr_t address = (uintptr_t)memory;
  if (address % HEAP_ALIGNMENT != 0 || address < heap->start + HEADER_SIZE || address >= heap->touched) {
    heap_corrupt("free or realloc of memory that is not the heap's");
  }
  struct heap_block *block = block_at(address - HEADER_SIZE);
  if (address >= heap->top || !is_used(block)) {
    heap_corrupt("free or realloc of memory that is free already");
  }
  uint64_t size = block_size(block);
  if (size < BLOCK_MIN || size % HEAP_ALIGNMENT != 0 || size > heap->top - (uintptr_t)block) {
    heap_corrupt("heap corruption: the size of a block was overwritten");
  }
  uintptr_t end = (uintptr_t)block + size;
  if ((end == heap->top ? heap->last_size : block_at(end)->previous_size) != size) {
    heap_corrupt("heap corruption: a program wrote past the end of its memory");
  }
  uint64_t previous_size = block->previous_size;
  if (previous_size > (uintptr_t)block - heap->start ||
      (previous_size != 0 && block_size(block_at((uintptr_t)block - previous_size)) != previous_size)) {
    heap_corrupt("heap corruption: a program wrote in front of its memory");
  }
  return block;
}

/* --- the operations --- */

void heap_initialize(struct heap *heap, uintptr_t start, uintptr_t end) {
  heap->start = (start + HEAP_ALIGNMENT - 1) & ~(uintptr_t)(HEAP_ALIGNMENT - 1);
  heap->end = end & ~(uintptr_t)(HEAP_ALIGNMENT - 1);
  if (heap->end < heap->start) {
    heap->end = heap->start;
  }
  heap->top = heap->start;
  heap->touched = heap->start;
}

/* A used block of at least `size` bytes. */
static struct heap_block *take(struct heap *heap, uint64_t size) {
  struct heap_block *block = take_free(heap, size);
  if (block == NULL) {
    return take_top(heap, size);
  }
  set_block(heap, block, block_size(block), true);
  trim(heap, block, size);
  return block;
}

void *heap_allocate(struct heap *heap, size_t size, size_t alignment) {
  uint64_t needed = block_size_for(size);
  if (needed == 0) {
    return NULL;
  }
  if (alignment <= HEAP_ALIGNMENT) {
    struct heap_block *block = take(heap, needed);
    return block == NULL ? NULL : memory_of(block);
  }
  /* Enough for the aligned block and for another block in front of it. */
  if (alignment > PTRDIFF_MAX - needed - BLOCK_MIN) {
    return NULL;
  }
  struct heap_block *block = take(heap, needed + alignment + BLOCK_MIN);
  if (block == NULL) {
    return NULL;
  }
  uintptr_t memory = (uintptr_t)memory_of(block);
  if (memory % alignment != 0) {
    uintptr_t aligned = (memory + BLOCK_MIN + alignment - 1) & ~(uintptr_t)(alignment - 1);
    uint64_t gap = aligned - memory;
    struct heap_block *front = block;
    uint64_t whole = block_size(front);
    block = block_at((uintptr_t)front + gap);
    block->size_and_used = (whole - gap) | USED;
    front->size_and_used = gap | USED;
    block->previous_size = gap;
    *previous_size_after(heap, block) = whole - gap;
    release(heap, front);
  }
  trim(heap, block, needed);
  return memory_of(block);
}

void *heap_allocate_zeroed(struct heap *heap, size_t size) {
  uintptr_t touched = heap->touched;
  void *memory = heap_allocate(heap, size, HEAP_ALIGNMENT);
  if (memory != NULL && (uintptr_t)memory < touched) {
    uint64_t dirty = touched - (uintptr_t)memory;
    memset(memory, 0, dirty < size ? dirty : size);
  }
  return memory;
}

/* Lets a used block grow to `size` bytes where it is, if enough memory behind it is free. */
static bool grow(struct heap *heap, struct heap_block *block, uint64_t size) {
  uint64_t old_size = block_size(block);
  uintptr_t end = end_of(block);
  if (end == heap->top) {
    if (!raise_top(heap, size - old_size)) {
      return false;
    }
    set_block(heap, block, size, true);
    return true;
  }
  struct heap_block *next = block_at(end);
  if (is_used(next)) {
    return false;
  }
  uint64_t joined = old_size + block_size(next);
  if (joined < size) {
    return false;
  }
  remove_free(heap, next);
  set_block(heap, block, joined, true);
  trim(heap, block, size);
  return true;
}

void *heap_reallocate(struct heap *heap, void *memory, size_t size) {
  struct heap_block *block = checked_block(heap, memory);
  uint64_t old_size = block_size(block);
  uint64_t needed = block_size_for(size);
  if (needed == 0) {
    return NULL;
  }
  if (needed <= old_size) {
    trim(heap, block, needed);
    return memory;
  }
  if (grow(heap, block, needed)) {
    return memory;
  }
  void *moved = heap_allocate(heap, size, HEAP_ALIGNMENT);
  if (moved == NULL) {
    return NULL;
  }
  memcpy(moved, memory, old_size - HEADER_SIZE);
  release(heap, block);
  return moved;
}

void heap_free(struct heap *heap, void *memory) { release(heap, checked_block(heap, memory)); }

size_t heap_usable_size(const struct heap *heap, const void *memory) {
  return block_size(checked_block(heap, memory)) - HEADER_SIZE;
}
