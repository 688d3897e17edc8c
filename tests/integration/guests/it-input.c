// A guest that does what its input says: a verb, and what follows one space. Of anything else it prints the bytes, in
// brackets.
#include <spry/guest.h>
#include <string.h>

static uint64_t number(const unsigned char *digits, size_t length) {
  uint64_t value = 0;
  for (size_t i = 0; i < length && digits[i] >= '0' && digits[i] <= '9'; i++) {
    value = 10 * value + (uint64_t)(digits[i] - '0');
  }
  return value;
}

static int is(struct spry_bytes input, const char *verb) {
  size_t length = strlen(verb);
  return input.length >= length && memcmp(input.data, verb, length) == 0;
}

static void crash(void) { *(volatile int *)0 = 1; }

int spry_main(int argc, char **argv) {
  struct spry_bytes input = spry_input();
  if (is(input, "exit ")) {
    return (int)number(input.data + 5, input.length - 5);
  }
  if (is(input, "abort")) {
    spry_puts(SPRY_STREAM_OUTPUT, "before\n");
    spry_abort("as it was told");
  }
  if (is(input, "crash")) {
    spry_puts(SPRY_STREAM_OUTPUT, "before\n");
    crash();
  }
  if (is(input, "spin")) {
    for (;;) {
      __asm__ volatile("pause");
    }
  }
  if (is(input, "sleep ")) {
    spry_sleep_until(spry_monotonic_ns() + 1000000 * number(input.data + 6, input.length - 6));
  }
  if (is(input, "diagnose ")) {
    spry_write(SPRY_STREAM_DIAGNOSTICS, input.data + 9, input.length - 9);
    spry_puts(SPRY_STREAM_DIAGNOSTICS, "\n");
  }
  if (is(input, "argument")) {
    spry_puts(SPRY_STREAM_OUTPUT, argc > 1 ? argv[1] : "none");
  }
  spry_puts(SPRY_STREAM_OUTPUT, "[");
  spry_write(SPRY_STREAM_OUTPUT, input.data, input.length);
  spry_puts(SPRY_STREAM_OUTPUT, "]\n");
  return 0;
}
