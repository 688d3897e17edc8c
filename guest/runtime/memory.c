/* memcpy, memmove, memset, memcmp and memchr. The compiler itself makes calls of the first four (GCC manual,
 * "Standards"), so this file is compiled without the optimisations that would make a loop here call its own function.
 *
 * Most lengths are short. Two accesses that may overlap cover any length up to twice their width, without a loop. For
 * long lengths `rep movsb` and `rep stosb` are fast (SDM volume 1, 7.3.9.3, "Fast-String Operation"). */
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

#define STRING_OPERATION_MIN 512u

static uint64_t load8(const unsigned char *from) {
  uint64_t word;
  __builtin_memcpy(&word, from, 8);
  return word;
}

static uint32_t load4(const unsigned char *from) {
  uint32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

static uint16_t load2(const unsigned char *from) {
  uint16_t word;
  __builtin_memcpy(&word, from, 2);
  return word;
}

static void store8(unsigned char *to, uint64_t word) { __builtin_memcpy(to, &word, 8); }
static void store4(unsigned char *to, uint32_t word) { __builtin_memcpy(to, &word, 4); }
static void store2(unsigned char *to, uint16_t word) { __builtin_memcpy(to, &word, 2); }

static __m128i load16(const unsigned char *from) { return _mm_loadu_si128((const __m128i_u *)from); }
static void store16(unsigned char *to, __m128i word) { _mm_storeu_si128((__m128i_u *)to, word); }

/* Moves up to 32 bytes. Everything is loaded before anything is stored, so the memory may overlap. */
static void move_short(unsigned char *to, const unsigned char *from, size_t length) {
  if (length >= 16) {
    __m128i first = load16(from), last = load16(from + length - 16);
    store16(to, first);
    store16(to + length - 16, last);
  } else if (length >= 8) {
    uint64_t first = load8(from), last = load8(from + length - 8);
    store8(to, first);
    store8(to + length - 8, last);
  } else if (length >= 4) {
    uint32_t first = load4(from), last = load4(from + length - 4);
    store4(to, first);
    store4(to + length - 4, last);
  } else if (length >= 2) {
    uint16_t first = load2(from), last = load2(from + length - 2);
    store2(to, first);
    store2(to + length - 2, last);
  } else if (length == 1) {
    *to = *from;
  }
}

/* Moves more than 32 bytes, from the first to the last. Works for overlapping memory if `to` lies before `from`. */
static void move_forwards(unsigned char *to, const unsigned char *from, size_t length) {
  __m128i last = load16(from + length - 16);
  unsigned char *to_last = to + length - 16;
  for (; length > 16; length -= 16) {
    store16(to, load16(from));
    to += 16;
    from += 16;
  }
  store16(to_last, last);
}

/* Moves more than 32 bytes, from the last to the first. Works for overlapping memory if `to` lies behind `from`. */
static void move_backwards(unsigned char *to, const unsigned char *from, size_t length) {
  __m128i first = load16(from);
  unsigned char *to_first = to;
  for (; length > 16; length -= 16) {
    store16(to + length - 16, load16(from + length - 16));
  }
  store16(to_first, first);
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  if (length <= 32) {
    move_short(to, from, length);
  } else if (length < STRING_OPERATION_MIN) {
    move_forwards(to, from, length);
  } else {
    void *to_next = to;
    __asm__ volatile("rep movsb" : "+D"(to_next), "+S"(from), "+c"(length) : : "memory");
  }
  return to;
}

void *memmove(void *to, const void *from, size_t length) {
  uintptr_t distance = (uintptr_t)to - (uintptr_t)from;
  if (length <= 32) {
    move_short(to, from, length);
  } else if (distance >= length && 0 - distance >= length) {
    memcpy(to, from, length);
  } else if (distance >= length) {
    move_forwards(to, from, length); /* `to` lies before `from` */
  } else {
    move_backwards(to, from, length);
  }
  return to;
}

void *memset(void *to, int value, size_t length) {
  unsigned char *bytes = to;
  uint64_t word = 0x0101010101010101u * (unsigned char)value;
  if (length >= STRING_OPERATION_MIN) {
    void *to_next = to;
    __asm__ volatile("rep stosb" : "+D"(to_next), "+c"(length) : "a"(value) : "memory");
  } else if (length >= 16) {
    __m128i filler = _mm_set1_epi8((char)value);
    for (size_t done = 0; done < length - 15; done += 16) {
      store16(bytes + done, filler);
    }
    store16(bytes + length - 16, filler);
  } else if (length >= 8) {
    store8(bytes, word);
    store8(bytes + length - 8, word);
  } else if (length >= 4) {
    store4(bytes, (uint32_t)word);
    store4(bytes + length - 4, (uint32_t)word);
  } else if (length >= 2) {
    store2(bytes, (uint16_t)word);
    store2(bytes + length - 2, (uint16_t)word);
  } else if (length == 1) {
    *bytes = (unsigned char)value;
  }
  return to;
}

int memcmp(const void *left, const void *right, size_t length) {
  const unsigned char *a = left, *b = right;
  for (; length >= 16; length -= 16) {
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(load16(a), load16(b))) != 0xffff) {
      break;
    }
    a += 16;
    b += 16;
  }
  for (; length != 0; length--) {
    if (*a != *b) {
      return *a - *b;
    }
    a++;
    b++;
  }
  return 0;
}

void *memchr(const void *bytes, int value, size_t length) {
  const unsigned char *next = bytes;
  __m128i wanted = _mm_set1_epi8((char)value);
  for (; length >= 16; length -= 16) {
    int found = _mm_movemask_epi8(_mm_cmpeq_epi8(load16(next), wanted));
    if (found != 0) {
      return (void *)(uintptr_t)(next + __builtin_ctz((unsigned)found));
    }
    next += 16;
  }
  for (; length != 0; length--) {
    if (*next == (unsigned char)value) {
      return (void *)(uintptr_t)next;
    }
    next++;
  }
  return NULL;
}
