/* Output: much of it, in any pieces, in order with the diagnostics, and never lost, however the action ends. */
#include "guest_case.h"

#define OUTPUT ((int)SPRY_STREAM_OUTPUT)
#define DIAGNOSTICS ((int)SPRY_STREAM_DIAGNOSTICS)

/* 10 MiB, in lines of 64 bytes. */
static void flood(void) {
  char line[64];
  memset(line, '.', sizeof line);
  line[63] = '\n';
  for (unsigned i = 0; i < (10u << 20) / 64; i++) {
    unsigned number = i;
    for (int digit = 7; digit >= 0; digit--, number /= 10) line[digit] = (char)('0' + number % 10);
    spry_write(OUTPUT, line, sizeof line);
  }
}

static unsigned char pattern[4u << 20];

static void fill_pattern(void) {
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (unsigned char)(i * 7 + i / 4096);
}

/* One large write, directly from memory, while output waits in the shared area: the latter goes out first. */
static void large(void) {
  fill_pattern();
  say("first\n");
  spry_write(OUTPUT, pattern, sizeof pattern);
  say("last\n");
}

/* Pieces of every size around that of the shared area. */
static void pieces(void) {
  fill_pattern();
  size_t area = spry_boot_page()->devices[0].shared_size, offset = 0;
  for (size_t size = 0; size < 20; size++) {
    spry_write(OUTPUT, pattern + offset, size);
    offset += size;
  }
  for (size_t size = area - 20; size < area + 20; size++) {
    spry_write(OUTPUT, pattern + offset, size);
    offset += size;
    spry_write(OUTPUT, pattern + offset, 1);
    offset += 1;
  }
  spry_printf(DIAGNOSTICS, "%s\n", offset < sizeof pattern ? "within" : "beyond");
}

static void order(void) {
  say("1 ");
  spry_puts(DIAGNOSTICS, "2 ");
  say("3 ");
  spry_flush();
  say("4 ");
  spry_puts(DIAGNOSTICS, "5 ");
  say("6 ");
  spry_puts(DIAGNOSTICS, "7\n");
}

static void before_crash(void) {
  say("a whole line\nand a part");
  write_at(0);
}

static void before_abort(void) {
  say("partial");
  spry_abort("on purpose");
}

static void before_deadline(void) {
  say("partial");
  for (;;) __asm__ volatile("");
}

static void before_sleep(void) {
  say("partial");
  spry_sleep_until(UINT64_MAX);
}

static void bad_stream(void) { spry_puts(3, "nothing"); }

static void bad_format(void) {
  const char *volatile format = "%q\n";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
  spry_printf(OUTPUT, format);
#pragma GCC diagnostic pop
}

static const struct guest_case cases[] = {
    CASE(flood),        CASE(large),           CASE(pieces),       CASE(order),      CASE(before_crash),
    CASE(before_abort), CASE(before_deadline), CASE(before_sleep), CASE(bad_stream), CASE(bad_format),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
