/* All memory that the spy can write, and what must be in it. */
#include "spy.h"

#define MARK(word) (SPY_MARK + (word))

struct program_header {
  uint32_t type;
  uint32_t flags;
  uint64_t offset, address, physical, file_size, size, alignment;
};
#define TYPE_LOAD 1u
#define TYPE_RELRO 0x6474e552u
#define FLAG_WRITE 2u
#define HEADERS_OFFSET 0x20u
#define HEADER_COUNT_OFFSET 0x38u

static uint64_t state[SPY_STATE_BYTES / 8] __attribute__((aligned(SPRY_PAGE_SIZE)));

static uint64_t page_of(uint64_t address) { return address / SPRY_PAGE_SIZE * SPRY_PAGE_SIZE; }
static uint64_t pages_up(uint64_t address) { return page_of(address + SPRY_PAGE_SIZE - 1); }
static uint64_t *word_at(uint64_t address) { return (uint64_t *)(uintptr_t)address; }

/* Found by the ELF header, with which the image begins. The rest of the last page belongs to the guest too. */
struct spy_range spy_data(void) {
  const unsigned char *image = (const unsigned char *)(uintptr_t)spry_boot_page()->image_start;
  const struct program_header *header =
      (const struct program_header *)(const void *)(image + *word_at((uint64_t)(uintptr_t)image + HEADERS_OFFSET));
  const uint16_t *count = (const uint16_t *)(const void *)(image + HEADER_COUNT_OFFSET);
  uint64_t base = UINT64_MAX, start = 0, end = 0;
  for (unsigned i = 0; i < *count; i++, header++) {
    if (header->type == TYPE_LOAD && base == UINT64_MAX) {
      base = (uint64_t)(uintptr_t)image - page_of(header->address);
    }
    if (header->type == TYPE_LOAD && (header->flags & FLAG_WRITE) != 0) {
      start = base + page_of(header->address);
      end = base + pages_up(header->address + header->size);
    }
    if (header->type == TYPE_RELRO && header->size != 0) {
      start = base + page_of(header->address + header->size);
    }
  }
  return (struct spy_range){start, end - start};
}

static bool is_in(uint64_t address, uint64_t start, uint64_t bytes) { return address - start < bytes; }

void spy_initialize_memory(void) {
  const struct spry_boot *boot = spry_boot_page();
  uint64_t *heap = word_at(boot->heap_start);
  uint64_t *stack = word_at(boot->stack_end - SPY_STACK_STATE_BYTES);
  for (uint64_t i = 0; i < SPY_STATE_BYTES / 8; i++) {
    state[i] = MARK(i);
    heap[i] = MARK(i);
  }
  for (uint64_t i = 0; i < SPY_STACK_STATE_BYTES / 8; i++) {
    stack[i] = MARK(i);
  }
}

/* Looks at [start, start + bytes): either word i is MARK(i), or all words are zero. */
static void look_at(struct spy_findings *findings, const char *name, uint64_t start, uint64_t bytes, bool marked) {
  struct spy_finding finding = {name, 0, 0, 0, 0};
  for (uint64_t i = 0; i < bytes / 8; i++) {
    uint64_t expected = marked ? MARK(i) : 0;
    uint64_t value = *word_at(start + 8 * i);
    if (value != expected && finding.words++ == 0) {
      finding.index = start + 8 * i;
      finding.value = value;
      finding.expected = expected;
    }
  }
  if (finding.words != 0) {
    spy_add(findings, finding);
  }
}

/* Looks at [start, end), which must be zero except for its marked parts. */
static void look_around(struct spy_findings *findings, const char *name, uint64_t start, uint64_t end) {
  if (start < end) {
    look_at(findings, name, start, end - start, false);
  }
}

void spy_look_at_memory(struct spy_findings *findings, bool initialized, uint64_t heap) {
  const struct spry_boot *boot = spry_boot_page();
  /* The parts of the data, in the order of their addresses. */
  struct {
    const char *name;
    uint64_t start, bytes;
    bool marked;
  } parts[] = {
      {"table", (uintptr_t)spy_table, SPY_TABLE_WORDS * 8, true},
      {"state", (uintptr_t)state, SPY_STATE_BYTES, initialized},
      {NULL, (uintptr_t)spy_first_area, SPY_AREA_BYTES, false},
      {NULL, (uintptr_t)spy_second_area, SPY_AREA_BYTES, false},
  };
  struct spy_range data = spy_data();
  for (uint64_t at = data.start; at < data.start + data.bytes;) {
    uint64_t next = data.start + data.bytes;
    uint64_t after = 0;
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
      if (is_in(at, parts[i].start, parts[i].bytes)) {
        after = parts[i].start + parts[i].bytes;
        if (parts[i].name != NULL) look_at(findings, parts[i].name, parts[i].start, parts[i].bytes, parts[i].marked);
      } else if (parts[i].start > at && parts[i].start < next) {
        next = parts[i].start;
      }
    }
    if (after == 0) {
      look_around(findings, "data", at, next);
      after = next;
    }
    at = after;
  }

  uint64_t stack_state = boot->stack_end - SPY_STACK_STATE_BYTES;
  look_around(findings, "stack", boot->stack_start, stack_state);
  look_at(findings, "top of the stack", stack_state, SPY_STACK_STATE_BYTES, initialized);
  look_at(findings, "start of the heap", boot->heap_start, SPY_STATE_BYTES, initialized);
  look_around(findings, "heap", boot->heap_start + SPY_STATE_BYTES, boot->heap_start + heap);
  look_around(findings, "end of the heap", boot->heap_end - SPRY_PAGE_SIZE, boot->heap_end);

  const struct spry_boot_device *console = &boot->devices[SPRY_HANDLE_CONSOLE];
  if (console->shared != 0) {
    look_around(findings, "shared area", console->shared + sizeof(struct spry_console),
                console->shared + console->shared_size / 8 * 8);
    spy_expect(findings, "length of the shared area", 0, *(const uint32_t *)(uintptr_t)console->shared, 0);
  }
}

void spy_look_at_first_area(struct spy_findings *findings) {
  const struct spy_area *first = spy_first();
  const uint64_t *word = (const uint64_t *)(const void *)first;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < SPY_AREA_BYTES / 8; i++) {
    sum += word + i == &first->sum ? 0 : word[i];
    sum = sum << 7 | sum >> 57;
  }
  spy_expect(findings, "sum of the first area", 0, sum, first->sum);
}

void spy_search(struct spy_findings *findings, const char *name, uint64_t start, uint64_t end, uint64_t veil) {
  for (uint64_t at = start; at + 8 <= end; at++) {
    uint64_t value;
    __builtin_memcpy(&value, (const void *)(uintptr_t)at, sizeof value);
    /* Keeps the compiler from computing the secret itself, which would then be in a register. */
    __asm__("not %0" : "+r"(value));
    if (value == veil) {
      spy_add(findings, (struct spy_finding){name, at, ~value, 0, 1});
      return;
    }
  }
}

void spy_look_at_read_only(struct spy_findings *findings, uint64_t veil) {
  const struct spry_boot *boot = spry_boot_page();
  uint64_t end = boot->argv + 8 * (boot->argc + 1);
  for (uint64_t i = 0; i < boot->argc; i++) {
    const char *argument = ((const char *const *)(uintptr_t)boot->argv)[i];
    while (*argument != 0) argument++;
    if ((uintptr_t)argument >= end) end = (uintptr_t)argument + 1;
  }
  spy_search(findings, "boot pages", boot->self, pages_up(end), veil);
  spy_search(findings, "input", boot->input, pages_up(boot->input + boot->input_length), veil);
  uint64_t zeros = boot->input + boot->input_length;
  for (uint64_t at = zeros; at < pages_up(zeros); at++) {
    unsigned char byte = *(const unsigned char *)(uintptr_t)at;
    if (byte != 0) {
      spy_add(findings, (struct spy_finding){"behind the input", at, byte, 0, 1});
      break;
    }
  }
  spy_search(findings, "first area", (uintptr_t)spy_first_area, (uintptr_t)spy_first_area + SPY_AREA_BYTES, veil);
  spy_search(findings, "second area", (uintptr_t)spy_second_area, (uintptr_t)spy_second_area + SPY_AREA_BYTES, veil);
}
