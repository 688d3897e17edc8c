// A guest that does what its first argument says; with none it lists its arguments, one a line, in brackets.
#include <spry/guest.h>
#include <string.h>

static uint64_t number(const char *digits) {
  uint64_t value = 0;
  for (; *digits >= '0' && *digits <= '9'; digits++) {
    value = 10 * value + (uint64_t)(*digits - '0');
  }
  return value;
}

static void say(const char *word) {
  spry_puts(SPRY_STREAM_OUTPUT, word);
  spry_flush();
}

// The arguments as they are, whatever bytes they hold.
static int list(int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    spry_puts(SPRY_STREAM_OUTPUT, "[");
    spry_puts(SPRY_STREAM_OUTPUT, argv[i]);
    spry_puts(SPRY_STREAM_OUTPUT, "]\n");
  }
  return argv[argc] == NULL ? 0 : 1;
}

// Prints lines of 16 bytes that count from 0, so that missing, doubled or torn output is seen.
static int print(int stream, uint64_t bytes) {
  for (uint64_t line = 0; line < bytes / 16; line++) {
    spry_printf(stream, "%015llu\n", (unsigned long long)line);
  }
  return 0;
}

// Never ends, and leaves the machine only to wait.
static void sleep(void) {
  say("asleep\n");
  while (spry_hypercall(SPRY_CALL_POLL, UINT64_MAX, 0, 0, 0, 0) >= 0) {
  }
}

static void spin(void) {
  for (;;) {
    __asm__ volatile("pause");
  }
}

static volatile unsigned char sink;

static void read_for_ever(void) {
  struct spry_bytes input = spry_input();
  say("reading\n");
  for (;;) {
    for (size_t i = 0; i < input.length; i += SPRY_PAGE_SIZE) {
      sink = input.data[i];
    }
  }
}

// Prints the end of the input. The monitor reads it by a system call; the guest itself does not touch it.
static int echo(uint64_t bytes) {
  struct spry_bytes input = spry_input();
  say("waiting\n");
  spry_sleep_until(spry_monotonic_ns() + 300000000);
  spry_write(SPRY_STREAM_OUTPUT, input.data + input.length - bytes, bytes);
  return 0;
}

// Touches `bytes` of the heap, page by page.
static int touch(uint64_t bytes) {
  volatile unsigned char *heap = (volatile unsigned char *)(uintptr_t)spry_boot_page()->heap_start;
  for (uint64_t i = 0; i < bytes; i += SPRY_PAGE_SIZE) {
    heap[i] = 1;
  }
  return 0;
}

static void crash(void) { *(volatile int *)0 = 1; }

int spry_main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "list";
  const char *what = argc > 2 ? argv[2] : "";
  if (strcmp(verb, "exit") == 0) {
    return (int)number(what);
  }
  if (strcmp(verb, "abort") == 0) {
    spry_puts(SPRY_STREAM_OUTPUT, "before\n");
    spry_abort(what);
  }
  if (strcmp(verb, "crash") == 0) {
    spry_puts(SPRY_STREAM_OUTPUT, "before\n");
    crash();
  }
  if (strcmp(verb, "print") == 0) {
    return print(SPRY_STREAM_OUTPUT, number(what));
  }
  if (strcmp(verb, "diagnose") == 0) {
    return print(SPRY_STREAM_DIAGNOSTICS, number(what));
  }
  if (strcmp(verb, "spin") == 0) {
    spry_puts(SPRY_STREAM_OUTPUT, "spinning\n");
    spin();
  }
  if (strcmp(verb, "say-and-spin") == 0) {
    say("spinning\n");
    spin();
  }
  if (strcmp(verb, "sleep") == 0) {
    sleep();
  }
  if (strcmp(verb, "read") == 0) {
    read_for_ever();
  }
  if (strcmp(verb, "echo") == 0) {
    return echo(number(what));
  }
  if (strcmp(verb, "touch") == 0) {
    return touch(number(what));
  }
  return list(argc, argv);
}
