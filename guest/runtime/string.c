/* The functions on zero-terminated strings. They read no byte behind the zero, because it may be the last of its page.
 * Compiled like memory.c, so that no function's loop becomes a call of that function. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

size_t strlen(const char *string) {
  const char *end = string;
  while (*end != 0) {
    end++;
  }
  return (size_t)(end - string);
}

size_t strnlen(const char *string, size_t limit) {
  size_t length = 0;
  while (length < limit && string[length] != 0) {
    length++;
  }
  return length;
}

int strcmp(const char *left, const char *right) {
  while (*left != 0 && *left == *right) {
    left++;
    right++;
  }
  return (unsigned char)*left - (unsigned char)*right;
}

int strncmp(const char *left, const char *right, size_t limit) {
  for (; limit != 0; limit--) {
    if (*left != *right || *left == 0) {
      return (unsigned char)*left - (unsigned char)*right;
    }
    left++;
    right++;
  }
  return 0;
}

char *strchr(const char *string, int value) {
  for (; *string != (char)value; string++) {
    if (*string == 0) {
      return NULL;
    }
  }
  return (char *)(uintptr_t)string;
}
