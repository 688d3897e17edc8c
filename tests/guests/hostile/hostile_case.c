/* Finds out which case to run, and runs it. */
#include "hostile_case.h"

#define NUMBERS_MAX 8u
#define WORD_MAX 40u
#define HEAP_LOOK (1u << 20)
#define STATUS_REACHED 99

static uint64_t numbers[NUMBERS_MAX];
static size_t number_count;

uint64_t hostile_number(size_t index, uint64_t otherwise) { return index < number_count ? numbers[index] : otherwise; }

static unsigned digit_of(char digit) {
  if (digit >= '0' && digit <= '9') return (unsigned)(digit - '0');
  if (digit >= 'a' && digit <= 'f') return (unsigned)(digit - 'a') + 10;
  return 16;
}

static uint64_t parse(const char *digits) {
  unsigned base = 10;
  uint64_t value = 0;
  if (digits[0] == '0' && digits[1] == 'x') {
    base = 16;
    digits += 2;
  }
  do {
    unsigned digit = digit_of(*digits);
    if (digit >= base) spry_abort("a number is wrong");
    value = value * base + digit;
  } while (*++digits != 0);
  return value;
}

static char name[WORD_MAX];

static void take_word(const char *word) {
  if (name[0] == 0) {
    memcpy(name, word, WORD_MAX);
  } else if (number_count < NUMBERS_MAX) {
    numbers[number_count++] = parse(word);
  }
}

static void take_input(const char *input, uint64_t input_length) {
  char word[WORD_MAX] = {0};
  size_t length = 0;
  for (uint64_t i = 0; i <= input_length; i++) {
    if (i < input_length && input[i] > ' ') {
      if (length + 1 == WORD_MAX) spry_abort("a word is too long");
      word[length++] = input[i];
    } else if (length != 0) {
      take_word(word);
      memset(word, 0, WORD_MAX);
      length = 0;
    }
  }
}

static void take_arguments(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char word[WORD_MAX] = {0};
    if (strlen(argv[i]) >= WORD_MAX) spry_abort("a word is too long");
    memcpy(word, argv[i], strlen(argv[i]));
    take_word(word);
  }
}

static void list(const struct guest_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) spry_printf((int)SPRY_STREAM_OUTPUT, "%s\n", cases[i].name);
}

/* All its callers share one hypercall instruction. */
__attribute__((noinline)) static int64_t executed_call(uint32_t number, uint64_t argument) {
  return spry_hypercall(number, argument, 0, 0, 0, 0);
}

int hostile_main(const struct guest_case *cases, size_t count, int argc, char **argv) {
  traces_ready();
  /* Does not use spry_input, which would call `ready` a second time. */
  const struct spry_boot *boot = spry_boot_page();
  if (boot->input_length != 0) {
    take_input((const char *)(uintptr_t)boot->input, boot->input_length);
  } else {
    take_arguments(argc, argv);
  }

  if (strcmp(name, "list") == 0) {
    list(cases, count);
    return 0;
  }
  if (strcmp(name, "right") == 0) {
    traces_look(hostile_number(0, HEAP_LOOK));
    say("right\n");
    return 0;
  }
  if (strcmp(name, "wrong") == 0) {
    traces_leave();
    traces_look(HEAP_LOOK);
    return 0;
  }
  if (strcmp(name, "invalid") == 0) end_by_fault();
  if (strcmp(name, "spin") == 0) end_by_spin();
  for (size_t i = 0; i < count; i++) {
    if (strcmp(name, cases[i].name) == 0) {
      CHECK(executed_call(999, 0) == -SPRY_ENOSYS);
      traces_leave();
      cases[i].run();
      spry_printf((int)SPRY_STREAM_OUTPUT, "%s returned\n", name);
      return 0;
    }
  }
  spry_abort("no such case");
}

void reached(const char *what) {
  spry_printf((int)SPRY_STREAM_OUTPUT, "reached: %s\n", what);
  spry_exit(STATUS_REACHED);
}

void end_by_spin(void) {
  __asm__ volatile("0: jmp 0b");
  __builtin_unreachable();
}

void end_by_fault(void) {
  __asm__ volatile("ud2");
  __builtin_unreachable();
}

void end_by_exit(void) {
  __asm__ volatile("mov %[exit], %%eax\n\tmov $3, %%edi\n\tout %%eax, %[port]\n\tud2"
                   :
                   : [exit] "i"(SPRY_CALL_EXIT), [port] "i"(SPRY_HYPERCALL_PORT)
                   : "memory");
  __builtin_unreachable();
}

void end_by_calls(void) {
  CHECK(executed_call(999, 0) == -SPRY_ENOSYS);
  executed_call(SPRY_CALL_EXIT, 4);
  __builtin_unreachable();
}
