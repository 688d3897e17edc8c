/* Every bad pointer, for every call that takes one: the guest gets an error, nothing is read or written. (Those of
 * abort are in ending.c: it does not return.) */
#include "guest_case.h"

static const char constant[] = "constant";
static const char *const relocated[] = {"relocated"};
static unsigned char writable[64];

struct range {
  const char *what;
  uint64_t start;
  uint64_t length;
};

static int64_t console_write(uint64_t stream, uint64_t start, uint64_t length) {
  return spry_hypercall(SPRY_CALL_DEVICE, SPRY_HANDLE_CONSOLE, SPRY_CONSOLE_WRITE, stream, start, length);
}

static int64_t poll_into(uint64_t start) { return spry_hypercall(SPRY_CALL_POLL, 0, start, 0, 0, 0); }

/* Memory that can be neither read nor written. */
static void unreadable(void) {
  const struct spry_boot *boot = spry_boot_page();
  const uint64_t low = boot->slide, end = boot->heap_end;
  const struct range ranges[] = {
      {"null", 0, 8},
      {"nearly null", 8, 8},
      {"unmapped", 0x7f0000000000, 8},
      {"below the machine", low - 8, 8},
      {"the machine's first byte", low, 8},
      {"system page", low + 0x10000, 8},
      {"gate stack", low + 0x11000, 8},
      {"page tables", low + 0x12000, 8},
      {"from page tables into the boot page", boot->self - 4, 8},
      {"guard", boot->stack_start - 8, 8},
      {"from the guard into the stack", boot->stack_start - 4, 8},
      {"across the end of memory", end - 4, 8},
      {"the end of memory", end, 8},
      {"kernel half", 0xffffffff81000000, 8},
      {"not canonical", 0x8000000000000000, 8},
      {"wraps around", UINT64_MAX - 3, 8},
      {"the last byte", UINT64_MAX, 8},
      {"all but null", 1, UINT64_MAX},
      {"everything from here", address_of(constant), UINT64_MAX},
      {"up to the end of the address space", address_of(constant), UINT64_MAX - address_of(constant)},
      {"half of the address space", address_of(constant), (uint64_t)1 << 63},
      {"all of memory", low, end - low},
      {"one byte beyond memory", end - 4096, 4097},
      {"the stack and everything below", boot->stack_end - 0x200000, 0x200000},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    const struct range *range = &ranges[i];
    for (uint64_t stream = SPRY_STREAM_OUTPUT; stream <= SPRY_STREAM_DIAGNOSTICS; stream++) {
      int64_t result = console_write(stream, range->start, range->length);
      if (result != -SPRY_EFAULT) spry_printf(1, "write of %s: %ld\n", range->what, (long)result);
    }
    if (range->length == 8 && range->start != 0) { /* a null pointer asks poll for no answer */
      int64_t result = poll_into(range->start);
      if (result != -SPRY_EFAULT) spry_printf(1, "poll into %s: %ld\n", range->what, (long)result);
    }
  }
}

/* Memory that can only be read. */
static void read_only(void) {
  const struct spry_boot *boot = spry_boot_page();
  const struct range ranges[] = {
      {"code", address_of(read_only), 8},
      {"constants", address_of(constant), 8},
      {"relocated constants", address_of(relocated), 8},
      {"boot page", boot->self, 8},
      {"arguments", boot->argv, 8},
      {"from constants on", (address_of(constant) | 0xfff) - 3, 8},
  };
  const struct spry_boot before = *boot;
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    int64_t result = poll_into(ranges[i].start);
    if (result != -SPRY_EFAULT) spry_printf(1, "poll into %s: %ld\n", ranges[i].what, (long)result);
  }
  CHECK(memcmp(&before, boot, sizeof before) == 0 && strcmp(constant, "constant") == 0);
  /* The monitor can read it too: a write from there is taken. */
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges - 1; i++) {
    CHECK(console_write(SPRY_STREAM_OUTPUT, ranges[i].start, ranges[i].length) == 8);
  }
}

/* Length 0 is good with any pointer. */
static void no_bytes(void) {
  static const uint64_t pointers[] = {0, 1, 0x8000000000000000, UINT64_MAX};
  for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
    CHECK(console_write(SPRY_STREAM_OUTPUT, pointers[i], 0) == 0);
  }
}

/* The last bytes of each good range. */
static void edges(void) {
  const struct spry_boot *boot = spry_boot_page();
  CHECK(poll_into(boot->stack_start) == 0 && poll_into(boot->heap_end - 8) == 0);
  CHECK(poll_into(boot->heap_end - 7) == -SPRY_EFAULT);
  CHECK(console_write(SPRY_STREAM_OUTPUT, boot->heap_end - 1, 1) == 1);
  CHECK(console_write(SPRY_STREAM_OUTPUT, boot->heap_end - 1, 2) == -SPRY_EFAULT);
  /* Data and heap are adjacent regions, so a range may lie in both. */
  write_at(address_of(writable));
  CHECK(poll_into(boot->heap_start - 4) == 0);
}

static const struct guest_case cases[] = {CASE(unreadable), CASE(read_only), CASE(no_bytes), CASE(edges)};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
