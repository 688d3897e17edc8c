/* Hypercalls on the edges of pages and of segments, with prefixes, within other instructions, and in memory that is no
 * code. Each is executed several times, because the first time may be served in another way. */
#include "hostile_case.h"

typedef int64_t (*Call)(uint32_t number, uint64_t argument);
int64_t edge_across(uint32_t number, uint64_t argument);
int64_t edge_by_dx(uint32_t number, uint64_t argument);
int64_t edge_middle(uint32_t number, uint64_t argument);
int64_t edge_whole(uint32_t number, uint64_t argument);
int64_t edge_constant(uint32_t number, uint64_t argument);
int64_t edge_part(void);
void edge_many(void);
int64_t edge_end(uint32_t number, uint64_t argument);

static void unknown_thrice(Call call) {
  for (unsigned i = 0; i < 3; i++) CHECK(call(999, 0) == -SPRY_ENOSYS);
  CHECK(call(SPRY_CALL_CLOCK, SPRY_CLOCK_MONOTONIC) > 0);
}

static void across(void) { unknown_thrice(edge_across); }
static void by_dx(void) { unknown_thrice(edge_by_dx); }

static void middle(void) {
  edge_middle(999, 0);
  unknown_thrice(edge_whole);
  edge_middle(999, 0);
  unknown_thrice(edge_whole);
}

/* Linux has calls of its own with these two numbers, which it lets through whatever filters say. */
#define URETPROBE 335u
#define UPROBE 336u

/* Numbers of hypercalls that do not exist, all by one instruction. Linux has calls of its own with most of these
 * numbers. */
static void numbers(void) {
  for (uint32_t number = SPRY_CALL_COUNT; number < 600; number++) {
    if (number != URETPROBE && number != UPROBE) CHECK(edge_whole(number, 0) == -SPRY_ENOSYS);
  }
}

static void unfiltered_numbers(void) {
  CHECK(edge_whole(UPROBE, 0) == -SPRY_ENOSYS);
  CHECK(edge_whole(UPROBE, 0) == -SPRY_ENOSYS);
  CHECK(edge_whole(URETPROBE, 0) == -SPRY_ENOSYS);
}

static void part(void) {
  edge_constant(999, 0);
  for (unsigned i = 0; i < 3; i++) {
    int64_t result;
    __asm__ volatile("call *%1" : "=a"(result) : "r"(edge_part), "a"(999) : "rcx", "r11", "memory");
    CHECK(result == -SPRY_ENOSYS);
    edge_constant(999, 0);
  }
}

static void many(void) {
  for (unsigned i = 0; i < 3; i++) edge_many();
}

/* The last two bytes of the code, or with EDGE_END the last byte and one of data. */
static void end(void) {
  edge_end(SPRY_CALL_EXIT, 5);
  reached("what is behind the code");
}

/* The same, but the call returns, to what is no code. */
static void end_and_back(void) {
  edge_end(999, 5);
  reached("what is behind the code");
}

/* Prefixes that mean nothing, and those that make another instruction. */
#define PREFIXED(X)                                                                                 \
  X(rex, "0x48")                                                                                    \
  X(rex_all, "0x4f")                                                                                \
  X(segment, "0x2e")                                                                                \
  X(address_size, "0x67")                                                                           \
  X(repeat, "0xf3")                                                                                 \
  X(repeat_not_equal, "0xf2")                                                                       \
  X(several, "0x2e, 0x67, 0x48")                                                                    \
  X(longest, "0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e")        \
  X(too_long, "0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e") \
  X(operand_size, "0x66")                                                                           \
  X(operand_size_rex, "0x66, 0x48")                                                                 \
  X(lock, "0xf0")

#define FUNCTION(name, bytes)                                                                             \
  static void name(void) {                                                                                \
    for (unsigned i = 0; i < 3; i++) {                                                                    \
      int64_t result;                                                                                     \
      __asm__ volatile(".byte " bytes ", 0xe7, 0x7e" : "=a"(result) : "a"(999) : "rcx", "r11", "memory"); \
      CHECK(result == -SPRY_ENOSYS);                                                                      \
    }                                                                                                     \
  }
#define ENTRY(name, bytes) CASE(name),

PREFIXED(FUNCTION)

/* Strings of 4 bytes at the hypercall's port are unspecified: they must be harmless. */
static void strings(void) {
  static const uint32_t words[4] = {1, 1, 1, 1};
  uint64_t count = 4;
  const uint32_t *from = words;
  __asm__ volatile("rep outsl" : "+c"(count), "+S"(from) : "d"(SPRY_HYPERCALL_PORT), "a"(999) : "memory");
}

static const unsigned char constants[] = {0xe7, SPRY_HYPERCALL_PORT, 0xc3};
static unsigned char data[] = {0xe7, SPRY_HYPERCALL_PORT, 0xc3};

static void execute(uint64_t address) {
  __asm__ volatile("call *%0" : : "r"(address), "a"(999) : "rcx", "r11", "memory");
  reached("code outside of code");
}

static uint64_t put(uint64_t address) {
  for (size_t i = 0; i < sizeof constants; i++) at(address)[i] = constants[i];
  return address;
}

static void in_constants(void) { execute(address_of(constants)); }
static void in_data(void) { execute(address_of(data)); }
static void in_heap(void) { execute(put(spry_boot_page()->heap_end - 64)); }
static void in_stack(void) { execute(put(spry_boot_page()->stack_start + 64)); }
static void in_shared_area(void) { execute(put(spry_boot_page()->devices[0].shared + 16)); }

static const struct guest_case cases[] = {
    CASE(across),         CASE(by_dx),
    CASE(middle),         CASE(part),
    CASE(numbers),        CASE(unfiltered_numbers),
    CASE(many),           CASE(end),
    CASE(end_and_back),   PREFIXED(ENTRY) CASE(strings),
    CASE(in_constants),   CASE(in_data),
    CASE(in_heap),        CASE(in_stack),
    CASE(in_shared_area),
};

int spry_main(int argc, char **argv) { return RUN_HOSTILE(cases, argc, argv); }
