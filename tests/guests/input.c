/* The input: in place, read-only, zeros behind it to the end of its last page. */
#include "guest_case.h"

static uint64_t end_of_pages(void) {
  struct spry_bytes input = spry_input();
  return (address_of(input.data) + input.length + SPRY_PAGE_SIZE - 1) / SPRY_PAGE_SIZE * SPRY_PAGE_SIZE;
}

static void copy(void) {
  struct spry_bytes input = spry_input();
  CHECK(input.data != NULL && address_of(input.data) % SPRY_PAGE_SIZE == 0);
  spry_write((int)SPRY_STREAM_OUTPUT, input.data, input.length);
}

static void zeros_behind(void) {
  struct spry_bytes input = spry_input();
  for (uint64_t address = address_of(input.data) + input.length; address < end_of_pages(); address++) {
    CHECK(*at(address) == 0);
  }
}

static void none(void) { CHECK(spry_input().data == NULL && spry_input().length == 0); }
static void write(void) { write_at(address_of(spry_input().data)); }
static void execute(void) { execute_at(address_of(spry_input().data)); }
static void beyond(void) { read_at(end_of_pages()); }
static void before(void) { read_at(address_of(spry_input().data) - 1); }

static void as_answer(void) {
  CHECK(spry_hypercall(SPRY_CALL_POLL, 0, address_of(spry_input().data), 0, 0, 0) == -SPRY_EFAULT);
  CHECK(spry_hypercall(SPRY_CALL_DEVICE, 0, SPRY_CONSOLE_WRITE, SPRY_STREAM_OUTPUT, address_of(spry_input().data),
                       end_of_pages() - address_of(spry_input().data) + 1) == -SPRY_EFAULT);
}

static const struct guest_case cases[] = {
    CASE(copy), CASE(zeros_behind), CASE(none), CASE(write), CASE(execute), CASE(beyond), CASE(before), CASE(as_answer),
};

int spry_main(int argc, char **argv) { return RUN_CASE(cases, argc, argv); }
