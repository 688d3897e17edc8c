/* The spy: one action fills its machine with a secret, another one looks for it. What it is to do is in the input, one
 * of these lines:
 *
 *   fill WAY SECRET [classes=LIST] [heap=KIB]   fills memory and registers, and ends in WAY (ways.h)
 *   look VEIL [classes=LIST] [heap=KIB]         prints what is not as at the base, and where the secret is
 *   selftest SECRET [classes=LIST] [heap=KIB]   fills and looks within one action
 *   seed                                        prints what must be fresh in each action
 *   ways                                        prints the ways, one a line: WAY REASON STATUS WORDS...
 *
 * look prints "clean" and exits with 0, or prints a line for each finding and exits with 1. selftest exits with 0 if
 * all that was filled was found; else it prints what was not and exits with 1.
 *
 * SECRET is 16 hexadecimal digits; VEIL is its complement, so that the looker's input does not hold it. KIB (default
 * 4096, at least 128) is how much of the heap's start is filled and looked at; 4 KiB of its end always are. A line that
 * is none of these exits with 2.
 *
 * General registers, flags, x87, MMX, MXCSR and XMM are always filled and looked at. LIST names other classes,
 * separated by commas: base (nothing more), selectors, odd, fs, bases, avx, avx512, pkru, pending (spy.h). Without
 * `classes` they are selectors and what the manifest asks for. A class that the manifest does not ask for may fault,
 * depending on the host; selectors and pending run everywhere. A look takes the classes that are captured by
 * instructions of their own (bases, avx, avx512, pkru); it always looks at selectors. selftest takes fs only together
 * with bases.
 *
 * The base is the state in which an action begins. If the input is there already (SPRY_BOOT_READY), that is the state
 * at load: the entry captures all registers, and all memory is compared with the file. In other actions it is the state
 * after the hypercall `ready`; before it, memory is initialised and each register gets a known value. (An action that
 * begins at load makes a hypercall that does not exist in the same way.) The first argument, "classes=LIST", says which
 * classes have known values there, besides the manifest's.
 *
 * A look that faults has found something too: for example, no C code runs with a wrong base of FS.
 *
 * SPY_LOAD: an action that begins at load only: it never makes the hypercall `ready`, and exits with 3 if the input is
 * not there. SPY_FEATURES: the features that the manifest asks for. */
#include "spy.h"

#include <string.h>

#ifdef SPY_LOAD
#define BEGINS_AT_LOAD true
#else
#define BEGINS_AT_LOAD false
#endif

SPRY_NOTE(abi_note, SPRY_NOTE_ABI, struct spry_note_abi, SPRY_ABI_VERSION);
SPRY_NEEDS(.features = SPRY_FEATURE_CLOCK | (SPY_FEATURES));

#define OUTPUT ((int)SPRY_STREAM_OUTPUT)
#define DIAGNOSTICS ((int)SPRY_STREAM_DIAGNOSTICS)
#define STATUS_FOUND 1
#define STATUS_NO_COMMAND 2
#define STATUS_NO_INPUT 3
#define KIB 1024u
#define HEAP_DEFAULT (4096 * KIB)
#define HEAP_MIN (128 * KIB)
#define CAPTURED_CLASSES (SPY_CLASS_BASES | SPY_CLASS_AVX | SPY_CLASS_AVX512 | SPY_CLASS_PKRU)

#define DECLARE_WAY(name, reason, status, words) extern void spy_way_##name(void);
SPY_WAYS(DECLARE_WAY)

static uint64_t address_of_way(const char *name) {
#define COMPARE_WAY(way, reason, status, words) \
  if (strcmp(name, #way) == 0) return (uintptr_t)spy_way_##way;
  SPY_WAYS(COMPARE_WAY)
  return 0;
}

static uint64_t manifest_classes(void) {
  uint64_t features = spry_boot_page()->features;
  return ((features & SPRY_FEATURE_FSGSBASE) != 0 ? SPY_CLASS_BASES : 0u) |
         ((features & SPRY_FEATURE_AVX) != 0 ? SPY_CLASS_AVX : 0u) |
         ((features & SPRY_FEATURE_AVX512) != 0 ? SPY_CLASS_AVX512 : 0u);
}

/* --- the command --- */

__attribute__((noreturn)) static void refuse(const char *what) {
  spry_printf(DIAGNOSTICS, "spy: %s\n", what);
  spry_exit(STATUS_NO_COMMAND);
}

/* The rest of a text. */
struct text {
  const char *at;
  const char *end;
};

/* The next word of the text, which ends before `separator`, with its zero. */
static bool next(struct text *text, char separator, char *word, size_t size) {
  size_t length = 0;
  while (text->at != text->end && *text->at == separator) text->at++;
  for (; text->at != text->end && *text->at != separator && *text->at != '\n'; text->at++) {
    if (length + 1 == size) refuse("a word is too long");
    word[length++] = *text->at;
  }
  word[length] = 0;
  return length != 0;
}

static uint64_t number(const char *digits, unsigned base) {
  uint64_t value = 0;
  do {
    char digit = *digits;
    unsigned digit_value = digit >= '0' && digit <= '9'   ? (unsigned)(digit - '0')
                           : digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a' + 10)
                                                          : base;
    if (digit_value >= base) refuse("a number is wrong");
    value = value * base + digit_value;
  } while (*++digits != 0);
  return value;
}

static uint64_t classes_of(const char *list) {
  static const struct {
    char name[12];
    uint64_t class;
  } all[] = {{"base", 0},
             {"selectors", SPY_CLASS_SELECTORS},
             {"odd", SPY_CLASS_ODD},
             {"fs", SPY_CLASS_FS},
             {"bases", SPY_CLASS_BASES},
             {"avx", SPY_CLASS_AVX},
             {"avx512", SPY_CLASS_AVX512},
             {"pkru", SPY_CLASS_PKRU},
             {"pending", SPY_CLASS_PENDING}};
  struct text text = {list, list + strlen(list)};
  uint64_t classes = 0;
  char word[16];
  while (next(&text, ',', word, sizeof word)) {
    size_t i = 0;
    while (i < sizeof all / sizeof *all && strcmp(word, all[i].name) != 0) i++;
    if (i == sizeof all / sizeof *all) refuse("a class is unknown");
    classes |= all[i].class;
  }
  return classes;
}

static bool takes_pattern(const char *name) {
  return strcmp(name, "fill") == 0 || strcmp(name, "look") == 0 || strcmp(name, "selftest") == 0;
}

static struct spy_command parse(const struct spry_boot *boot) {
  struct text text = {(const char *)(uintptr_t)boot->input,
                      (const char *)(uintptr_t)(boot->input + boot->input_length)};
  struct spy_command command = {"", "", 0, SPY_CLASS_SELECTORS | manifest_classes(), HEAP_DEFAULT};
  char word[80];
  if (!next(&text, ' ', command.name, sizeof command.name)) refuse("the input has no command");
  if (strcmp(command.name, "fill") == 0 && !next(&text, ' ', command.way, sizeof command.way))
    refuse("fill without way");
  if (takes_pattern(command.name)) {
    if (!next(&text, ' ', word, sizeof word) || strlen(word) != 16) refuse("a pattern has 16 digits");
    command.pattern = number(word, 16);
  }
  while (next(&text, ' ', word, sizeof word)) {
    if (strncmp(word, "classes=", 8) == 0) {
      command.classes = classes_of(word + 8);
    } else if (strncmp(word, "heap=", 5) == 0) {
      command.heap = number(word + 5, 10) * KIB;
    } else {
      refuse("an option is unknown");
    }
  }
  if (command.heap < HEAP_MIN || command.heap > boot->heap_end - boot->heap_start - SPRY_PAGE_SIZE) {
    refuse("the heap is not so large, or less than is initialised");
  }
  return command;
}

/* --- before the hypercall --- */

void spy_at_entry(void) {
  const struct spry_boot *boot = spry_boot_page();
  struct spy_area *first = spy_first();
  bool at_load = (boot->flags & SPRY_BOOT_READY) != 0;
  first->boot = boot->self;
  first->number = at_load ? 0 : SPRY_CALL_READY;
  first->classes = manifest_classes();
  if (boot->argc > 1) {
    const char *argument = ((const char *const *)(uintptr_t)boot->argv)[1];
    if (strncmp(argument, "classes=", 8) != 0) refuse("the argument is no list of classes");
    first->classes |= classes_of(argument + 8) & (CAPTURED_CLASSES | SPY_CLASS_SELECTORS);
  }
  if (BEGINS_AT_LOAD && !at_load) {
    spry_puts(DIAGNOSTICS, "spy: the input is not there at load\n");
    spry_exit(STATUS_NO_INPUT);
  }
  spy_capture_wide(&first->capture, first->classes);
  spy_look_at_entry(&first->findings, first);
  if (first->dirty != 0) {
    spy_expect(&first->findings, "rest of the first area", first->dirty, 1, 0);
  }
  /* Memory is compared with the file only for a look: a fill should not take that time. */
  struct spy_command command = {"look", "", 0, 0, HEAP_DEFAULT};
  if (at_load) command = parse(boot);
  if (strcmp(command.name, "look") == 0) {
    spy_look_at_memory(&first->findings, false, command.heap);
  }
  spy_initialize_memory();
  spy_prepare_known(first);
  spy_call();
}

/* --- after it --- */

__attribute__((noreturn)) static void fill(const struct spy_command *command, uint64_t way, bool keep_first) {
  const struct spry_boot *boot = spry_boot_page();
  const struct spry_boot_device *console = &boot->devices[SPRY_HANDLE_CONSOLE];
  struct spy_range data = spy_data();
  uint64_t first = (uintptr_t)spy_first_area, second = (uintptr_t)spy_second_area;
  struct spy_fill fill = {.secret = command->pattern,
                          .classes = command->classes,
                          .way = way,
                          .stack_start = boot->stack_start,
                          .stack_end = boot->stack_end,
                          .ranges = {{boot->stack_start, boot->stack_end - boot->stack_start},
                                     {boot->heap_start, command->heap},
                                     {boot->heap_end - SPRY_PAGE_SIZE, SPRY_PAGE_SIZE},
                                     {data.start, first - data.start}}};
  fill.count = 4;
  if (!keep_first) {
    fill.ranges[fill.count++] = (struct spy_range){first, SPY_AREA_BYTES};
  }
  if (console->shared != 0) {
    fill.ranges[fill.count++] =
        (struct spy_range){console->shared + sizeof(struct spry_console), console->shared_size / 8 * 8 - 8};
  }
  fill.ranges[fill.count++] =
      (struct spy_range){second + SPY_AREA_BYTES, data.start + data.bytes - second - SPY_AREA_BYTES};
  /* The second area comes last, because it may hold `fill` itself. */
  fill.ranges[fill.count++] = (struct spy_range){second, SPY_AREA_BYTES};
  spy_fill(&fill);
}

__attribute__((noreturn)) static void report(const struct spy_findings *before, const struct spy_findings *after,
                                             uint64_t veil) {
  if (before->count == 0 && after->count == 0) {
    spry_puts(OUTPUT, "clean\n");
    spry_exit(0);
  }
  if (before->count != 0) {
    spry_puts(OUTPUT, "at the entry:\n");
    spy_print(before, veil);
  }
  if (after->count != 0) {
    spry_puts(OUTPUT, "at the base:\n");
    spy_print(after, veil);
  }
  spry_exit(STATUS_FOUND);
}

__attribute__((noreturn)) static void look(const struct spy_command *command) {
  struct spy_area *first = spy_first(), *second = spy_second();
  uint64_t untouched = command->classes & CAPTURED_CLASSES & ~first->classes;
  spy_capture_wide(&second->capture, untouched);
  /* Memory comes first: what follows writes to the second area only, and to the console's shared area. */
  spy_look_at_memory(&second->findings, true, command->heap);
  spy_look_at_first_area(&second->findings);
  if (second->dirty != 0) {
    spy_expect(&second->findings, "rest of the second area", second->dirty, 1, 0);
  }
  spy_look_at_read_only(&second->findings, command->pattern);
  spy_look_at_call(&second->findings, first, second, untouched, spy_pkru(~command->pattern));
  report(&first->findings, &second->findings, command->pattern);
}

/* Runs after a selftest's fill: everything that was filled must be found. */
__attribute__((noreturn)) static void judge(const struct spy_command *command) {
  struct spy_area *first = spy_first(), *second = spy_second();
  struct spy_findings *findings = &second->findings;
  memset(findings, 0, sizeof *findings);
  spy_look_at_memory(findings, true, command->heap);
  spy_look_at_first_area(findings);
  spy_expect(findings, "rest of the second area", second->dirty, second->dirty != 0, 0);
  spy_look_at_call(findings, first, second, 0, 0);
  /* No action can write to the boot pages and the input, so the search there is for other words, which are there. */
  spy_search(findings, "boot pages", first->boot, first->boot + SPRY_PAGE_SIZE, ~first->boot);
  uint64_t in_input;
  memcpy(&in_input, command->name, sizeof in_input);
  spy_search(findings, "input", spry_boot_page()->input, spry_boot_page()->input + SPRY_PAGE_SIZE, ~in_input);
  for (size_t i = 0; i < 8; i++) {
    unsigned char bytes[32] = {0};
    memcpy(bytes + i, &command->pattern, sizeof command->pattern);
    spy_search(findings, "every alignment", (uintptr_t)bytes, (uintptr_t)bytes + sizeof bytes, ~command->pattern);
  }
  /* If the first argument names selectors, the hypercall was made with the same ones as a fill's, so they cannot be
   * findings. */
  uint64_t same = (command->classes & SPY_CLASS_ODD) != 0 ? 0 : first->classes & SPY_CLASS_SELECTORS;
  bool everything = spy_found_everything(findings, command->classes & ~same);
  spry_printf(OUTPUT, "%s: %lu findings\n", everything ? "everything was found" : "something was not found",
              findings->count);
  spry_exit(everything ? 0 : STATUS_FOUND);
}

__attribute__((noreturn)) static void selftest(const struct spy_command *command) {
  struct spy_area *first = spy_first();
  if ((command->classes & SPY_CLASS_FS) != 0 && (command->classes & SPY_CLASS_BASES) == 0) refuse("fs needs bases");
  if (first->findings.count != 0) report(&first->findings, &spy_second()->findings, ~command->pattern);
  first->selftest = 1; /* the area's sum must show this change */
  first->classes |= command->classes & CAPTURED_CLASSES;
  fill(command, (uintptr_t)spy_called, true);
}

__attribute__((noreturn)) static void seed(void) {
  const struct spry_boot *boot = spry_boot_page();
  spry_printf(OUTPUT, "generation %lu\nseed ", boot->generation);
  for (size_t i = 0; i < sizeof boot->seed; i++) spry_printf(OUTPUT, "%02x", boot->seed[i]);
  spry_printf(OUTPUT, "\ncanary %016lx\nslide %lx\n", boot->canary, boot->slide);
  spry_printf(OUTPUT, "clock %lu %lu %u %u %lu\n", boot->clock_tsc, boot->clock_ns, boot->clock_mult, boot->clock_shift,
              boot->clock_wall);
  spry_printf(OUTPUT, "monotonic %lu\nwall %lu\n", spry_monotonic_ns(), spry_wall_ns());
  spry_exit(0);
}

__attribute__((noreturn)) static void list_ways(void) {
#define PRINT_WAY(name, reason, status, words) spry_printf(OUTPUT, "%s %s %d %s\n", #name, reason, status, words);
  SPY_WAYS(PRINT_WAY)
  spry_exit(0);
}

void spy_after_call(void) {
  struct spy_command command = parse(spry_boot_page());
  if (strcmp(command.name, "selftest") == 0) {
    if (spy_first()->selftest != 0) judge(&command);
    selftest(&command);
  }
  if (strcmp(command.name, "look") == 0) look(&command);
  if (strcmp(command.name, "seed") == 0) seed();
  if (strcmp(command.name, "ways") == 0) list_ways();
  if (strcmp(command.name, "fill") != 0) refuse("the command is unknown");
  uint64_t way = address_of_way(command.way);
  if (way == 0) refuse("the way is unknown");
  fill(&command, way, false);
}
