/* The C library's allocation functions, on the heap that the boot page bounds. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "heap.h"
#include "spry/guest.h"

static struct heap *the_heap(void) {
  static struct heap heap;
  if (heap.end == 0) {
    const struct spry_boot *boot = spry_boot_page();
    heap_initialize(&heap, boot->heap_start, boot->heap_end);
  }
  return &heap;
}

void heap_corrupt(const char *message) { spry_abort(message); }

void *malloc(size_t size) { return heap_allocate(the_heap(), size, HEAP_ALIGNMENT); }

void *calloc(size_t count, size_t size) {
  size_t total;
  return __builtin_mul_overflow(count, size, &total) ? NULL : heap_allocate_zeroed(the_heap(), total);
}

void *realloc(void *memory, size_t size) {
  return memory == NULL ? malloc(size) : heap_reallocate(the_heap(), memory, size);
}

void free(void *memory) {
  if (memory != NULL) {
    heap_free(the_heap(), memory);
  }
}

void *aligned_alloc(size_t alignment, size_t size) {
  return alignment == 0 || (alignment & (alignment - 1)) != 0 ? NULL : heap_allocate(the_heap(), size, alignment);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return EINVAL;
  }
  void *allocated = aligned_alloc(alignment, size);
  if (allocated == NULL) {
    return ENOMEM;
  }
  *memory = allocated;
  return 0;
}

size_t malloc_usable_size(void *memory) { return memory == NULL ? 0 : heap_usable_size(the_heap(), memory); }
